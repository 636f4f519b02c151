import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkAttempt } from '#compute/train/check.ts'
import { courseOfSeed, trainFederated } from '#compute/train/federated.ts'
import { createRunner } from '#compute/runner-process.ts'
import { replayJob } from '#compute/train/replay.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { segmentsRootOf } from '#compute/train/records.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { type Arena, type ArenaOptions, arenaSignerOf, owners, runArena } from './arena.ts'

const liar = owners[1] as Hex
let scratchDirectory: string
const arenas: Arena[] = []

beforeAll(async () => {
  scratchDirectory = await mkdtemp(join(tmpdir(), 'quern-replay-'))
})

afterAll(async () => {
  for (const arena of arenas) await arena.close()
  await rm(scratchDirectory, { recursive: true })
})

async function arenaOf(options: ArenaOptions = {}): Promise<Arena> {
  const arena = await runArena(options)
  arenas.push(arena)
  return arena
}

function listsOf({ transcripts }: Arena) {
  return (transcripts.get(owners[0] as Hex) as Transcript).rounds
}

function replay(arena: Arena, transcripts: Arena['transcripts'] = arena.transcripts) {
  const { course, runner } = arena
  return replayJob(
    { runners: [runner], scratchDirectory },
    { course, lists: listsOf(arena), transcripts },
  )
}

describe('replayJob', () => {
  test('repeats every leaf of an honest attempt, with workers left out', async () => {
    const arena = await arenaOf({ absent: (round, index) => index === 2 && round === 1 })
    const { findings, end, compared } = await replay(arena)
    expect(findings).toEqual([])
    const last = arena.transcripts.get(liar)?.records.at(-1)?.rounds.at(-1)?.aggregated
    expect(end?.modelRoot).toBe(last?.p)
    // 3 workers, 4 rounds of 3 steps and 1 aggregation, less one worker's steps in one round
    expect(compared).toBe(3 * 4 * 4 - 3)
    expect(end?.steps).toBe(compared)
  })

  test('the free checks find nothing against it either', async () => {
    const arena = await arenaOf({ absent: (round, index) => index === 0 && round === 3 })
    const { course, initial, opened, transcripts } = arena
    const results = [...transcripts].map(([worker, { records }]) => ({
      worker,
      modelHash: zeroHash,
      segmentsRoot: segmentsRootOf(records),
    }))
    const facts = {
      ...course,
      results,
      closedRounds: new Map(),
      initial,
      flopsPerStep: opened.flopsPerStep,
      signerOf: arenaSignerOf(course),
      modelHashOf: () => zeroHash,
    }
    const { findings, contests } = checkAttempt(facts, transcripts)
    expect([findings, contests]).toEqual([[], []])
  })

  test.each(['skip', 'noise'] as const)(
    'finds the first step of a worker that lies (%s)',
    async (lie) => {
      const arena = await arenaOf({ lies: { 1: lie } })
      const { findings, end } = await replay(arena)
      expect(findings).toMatchObject([{ kind: 'step', worker: liar, segment: 0, round: 0 }])
      expect(end).toBeUndefined()
    },
  )

  test('finds a copied update', async () => {
    const arena = await arenaOf({ lies: { 1: 'copy' } })
    const { findings } = await replay(arena)
    expect(findings).toMatchObject([{ kind: 'step', worker: liar, round: 0 }])
    const others = new Map([...arena.transcripts].filter(([worker]) => worker !== liar))
    const [own] = (await replay(arena, others)).findings
    const committed = listsOf(arena)[0]?.list[0]?.updateRoot
    expect(own).toMatchObject({ kind: 'updateRoot', worker: liar, round: 0, committed })
  })

  test('finds a wrong update of a worker that left no transcript', async () => {
    const arena = await arenaOf({ lies: { 1: 'noise' } })
    const others = new Map([...arena.transcripts].filter(([worker]) => worker !== liar))
    expect((await replay(arena, others)).findings).toMatchObject([
      { kind: 'updateRoot', worker: liar },
    ])
  })

  test('finds a wrong aggregation', async () => {
    const arena = await arenaOf({ lies: { 1: 'aggregate' } })
    const { findings } = await replay(arena)
    expect(findings).toMatchObject([
      { kind: 'aggregation', worker: liar, segment: 0, round: 1, step: 7 },
    ])
  })

  test('finds a leaf that differs in its transcript alone', async () => {
    const arena = await arenaOf()
    const changed = JSON.parse(JSON.stringify(arena.transcripts.get(liar))) as Transcript
    const leaf = changed.records[1]?.rounds[0]?.steps[1]
    Object.assign(leaf ?? {}, { transcript: zeroHash })
    const transcripts = new Map([...arena.transcripts, [liar, changed]])
    expect((await replay(arena, transcripts)).findings).toMatchObject([
      { kind: 'step', worker: liar, segment: 1, round: 2, step: 1 },
    ])
  })
})

describe('trainFederated', () => {
  test('gives the same model with one runner of two threads as with three of one', async () => {
    const { course: made, rowsFile } = await arenaOf()
    const course = courseOfSeed(made.train, 1, 3)
    const roots: Hex[] = []
    for (const { count, threads } of [
      { count: 1, threads: 2 },
      { count: 3, threads: 1 },
    ]) {
      const runners = Array.from({ length: count }, () => createRunner())
      for (const runner of runners) {
        await runner.open({ spec: course.train, trainFile: rowsFile, threads })
      }
      const losses: number[] = []
      const onProgress = ({ loss }: { loss: number }) => losses.push(loss)
      const end = await trainFederated({ runners, scratchDirectory }, course, { onProgress })
      roots.push(end.modelRoot)
      expect(losses).toHaveLength(course.train.rounds)
      for (const runner of runners) await runner.close()
    }
    expect(roots[1]).toBe(roots[0])
    expect(courseOfSeed(made.train, 2, 3).beacon).not.toBe(course.beacon)
  })
})
