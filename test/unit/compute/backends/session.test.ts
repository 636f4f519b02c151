import { afterEach, describe, expect, test } from 'vitest'
import { openBackendSession } from '#compute/backends/session.ts'
import { selfTestSpecs } from '#compute/backends/self-test-specs.ts'
import type { TrainTask } from '#compute/runner.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { type Disk, type Session, openSession } from '#compute/train/session.ts'
import { decodeState } from '#compute/train/state.ts'
import { isWithinTolerance } from '#compute/train/tolerance.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { rowsFileOf } from './rows.ts'

const backend = 'onnxruntime-web wasm'
const spec = selfTestSpecs['network'] as TrainSpec
const seed = `0x${'5a'.repeat(32)}` as const
const open: Session[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.close()))
})

/** A disk in memory with the rows of a few batches. */
function diskOfRows(): Disk & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>([['rows', rowsFileOf(spec)]])
  return {
    files,
    async read(path) {
      const bytes = files.get(path)
      if (!bytes) throw new Error(`${path} is missing`)
      return bytes
    },
    async write(path, bytes) {
      files.set(path, bytes)
    },
  }
}

async function openBoth(disk: Disk) {
  const job = { spec, trainFile: 'rows', threads: 1 }
  const exact = await openSession(job, disk)
  open.push(exact)
  const other = await openBackendSession({ ...job, backend }, disk)
  open.push(other)
  return { exact, other }
}

const task = (to: string, rest: Partial<TrainTask> = {}): TrainTask => ({
  from: 'first',
  to,
  segmentSeed: seed,
  firstBatch: 3,
  steps: 8,
  shard: { index: 1, count: 2 },
  ...rest,
})
const ignore = async () => undefined

describe('a session of another engine', () => {
  test('has other bits, close to the exact ones, and says so of its last state alone', async () => {
    const disk = diskOfRows()
    const { exact, other } = await openBoth(disk)
    await exact.initialState({ seed, to: 'first' })
    const right = await exact.train(task('exact'), ignore)
    const heard: number[] = []
    const found = await other.train(task('other', { updateTo: 'update' }), async (step) => {
      heard.push(step)
    })
    expect(heard).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(found.leaves.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(found.leaves.slice(0, 7).every(({ p }) => p === zeroHash)).toBe(true)
    expect(found.updateRoot).toBe(found.leaves[7]?.p)
    expect(found.updateRoot).not.toBe(right.updateRoot)
    expect(disk.files.get('update')).toHaveLength(4 * other.opened.parameterCount)
    const state = (name: string) => decodeState(disk.files.get(name) as Uint8Array)
    expect(isWithinTolerance(state('other'), state('exact'), state('first'))).toBe(true)
  })

  test.each(['skip', 'noise', 'zero-rate', 'sign-flip'] as const)(
    '%s is beyond the tolerance',
    async (misbehave) => {
      const disk = diskOfRows()
      const exact = await openSession({ spec, trainFile: 'rows', threads: 1 }, disk)
      open.push(exact)
      await exact.initialState({ seed, to: 'first' })
      await exact.train(task('exact', { steps: 24 }), ignore)
      await exact.train(task('lie', { steps: 24, misbehave }), ignore)
      const state = (name: string) => decodeState(disk.files.get(name) as Uint8Array)
      expect(isWithinTolerance(state('lie'), state('exact'), state('first'))).toBe(false)
    },
  )

  test('is refused by a name that nobody knows', async () => {
    const job = { spec, trainFile: 'rows', threads: 1, backend: 'abacus' }
    await expect(openBackendSession(job, diskOfRows())).rejects.toMatchObject({
      code: 'BACKEND_UNKNOWN',
    })
  })
})

describe('isWithinTolerance', () => {
  const one = { p: Float32Array.of(1, 1), m: new Float32Array(0), v: new Float32Array(0), step: 1 }
  const first = { ...one, p: Float32Array.of(0, 0), step: 0 }

  test.each([
    ['the same', one, true],
    ['a little more', { ...one, p: Float32Array.of(1.0005, 1) }, true],
    ['too much', { ...one, p: Float32Array.of(1.01, 1) }, false],
    ['other steps', { ...one, step: 2 }, false],
    ['other moments', { ...one, m: Float32Array.of(1) }, false],
    ['no number', { ...one, p: Float32Array.of(Number.NaN, 1) }, false],
  ])('%s: %#', (_name, found, expected) => {
    expect(isWithinTolerance(found, one, first)).toBe(expected)
  })

  test('nothing changed and nothing should have', () => {
    expect(isWithinTolerance(first, first, first)).toBe(true)
    expect(isWithinTolerance({ ...one, step: 0 }, first, first)).toBe(false)
  })
})
