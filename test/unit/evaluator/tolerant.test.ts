import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { selfTestSpecs } from '#compute/backends/self-test-specs.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { type Session, openSession } from '#compute/train/session.ts'
import { type State, decodeState, encodeState, leafOfState } from '#compute/train/state.ts'
import { type Bench, type LocalStep, rerunStep } from '#evaluator/rerun.ts'
import { createAfter } from '#evaluator/tolerant.ts'
import { createFiles } from '#store/files.ts'
import { rowsFileOf } from '#test/unit/compute/backends/rows.ts'
import type { Hex } from '#wire/primitives.ts'
import type { TrainSpec } from '#wire/spec.ts'

const spec = selfTestSpecs['network'] as TrainSpec
const worker: Hex = `0x${'a1'.repeat(20)}`
const seed = `0x${'5a'.repeat(32)}` as const
const steps = 4
const directory = mkdtempSync(join(tmpdir(), 'quern-tolerant-'))
const files = createFiles(directory)
const { signal } = new AbortController()
let session: Session
let exact: State
let drawn: LocalStep

beforeAll(async () => {
  await files.write('rows', rowsFileOf(spec))
  session = await openSession({ spec, trainFile: files.path('rows'), threads: 1 })
  const before = await session.initialState({ seed, to: files.path('first') })
  await session.train({ ...task, from: files.path('first'), to: files.path('exact') }, nothing)
  exact = decodeState(await files.read('exact'))
  const place = { worker, segment: 0, step: 0, round: 0, kind: 'local', batch: 0, steps } as const
  drawn = { ...place, before, after: leafOfState(exact) }
})

afterAll(async () => {
  await session.close()
  await rm(directory, { recursive: true })
})

const nothing = async () => undefined
const task = { segmentSeed: seed, firstBatch: 0, steps, shard: { index: 0, count: 1 } }

/** Repeats the round of a worker that ended in a state, and serves another one where that is given. */
async function rerun(found: State, served: State | undefined = found) {
  await files.write('state', await files.read('first'))
  const bench: Bench = {
    runner: {
      inspect: (path) => session.inspect(path),
      train: (wanted) => session.train(wanted, nothing),
    },
    files,
    segmentSeed: () => seed,
    shard: () => ({ index: 0, count: 1 }),
    async stateAfter() {
      if (served === undefined) return undefined
      await files.write('after', encodeState(served))
      return 'after'
    },
  }
  const step = { ...drawn, after: leafOfState(found) }
  return rerunStep(bench, step, { state: 'state', signal })
}

const scaled = (share: number): State => ({
  ...exact,
  p: exact.p.map((value, i) => value * (1 + (i % 2 === 0 ? share : -share))),
})

test.each([
  ['its exact outcome', 0, 'equal'],
  ['other bits', 1e-7, 'equal'],
  ['another outcome', 1e-2, 'different'],
])('a round with %s', async (_name, share, kind) => {
  expect(await rerun(scaled(share))).toMatchObject({ kind })
  expect(await files.size('after'), 'nothing is left').toBeUndefined()
})

test('a round whose moments are others is wrong', async () => {
  expect(await rerun({ ...exact, v: exact.v.map((value) => value * 2) })).toMatchObject({
    kind: 'different',
  })
})

test('a state that was not committed is none', async () => {
  expect(await rerun(exact, scaled(1e-7))).toEqual({ kind: 'foreign' })
})

test('while the state after it is not here, nothing is said', async () => {
  await files.write('state', await files.read('first'))
  const bench = { ...({} as Bench), files, stateAfter: async () => undefined }
  const runner = { inspect: (path: string) => session.inspect(path) } as Bench['runner']
  const rerun = rerunStep({ ...bench, runner }, drawn, { state: 'state', signal })
  expect(await rerun).toBeUndefined()
})

test('the state after is asked for where the one before the aggregation is opened', async () => {
  const asked: number[] = []
  const opening = (step: number) => {
    asked.push(step)
    const entry = { kind: 'opening', attempt: 0, worker, segment: 0, step, sizeBytes: 9 } as const
    return ['missing', 'here'].map((cid) => ({ ...entry, cid }))
  }
  const artifacts = {
    async getFile(cid: string, path: string) {
      if (cid === 'missing') throw new AppError({ code: 'ARTIFACT_MISSING', cid })
      await files.write('fetched', Uint8Array.of(1))
      expect(path).toBe(files.path(`jobs/${worker.slice(2)}-0-0.after.safetensors`))
      return 1
    },
  }
  const after = createAfter(
    { artifacts: artifacts as never, files, notices: { openingsOf: ({ step }) => opening(step) } },
    { opened: { engineId: zeroHash, parameterCount: 1, flopsPerStep: 1, stateBytes: 4, rows: 1 } },
    { folder: 'jobs', signal },
  )
  expect(await after(drawn)).toBe(`jobs/${worker.slice(2)}-0-0.after.safetensors`)
  expect(asked).toEqual([steps])
})
