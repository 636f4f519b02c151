import { describe, expect, test } from 'vitest'
import { runCrowd, wrongedIn } from '#test/adversaries/crowd.ts'
import { liars, workerLiars } from '#test/adversaries/liars.ts'
import { openLongLab, openWideLab } from '#test/adversaries/shapes.ts'
import { countCaught } from '#test/adversaries/skipping.ts'
import { tryLiar } from '#test/adversaries/trial.ts'
import { calm, simulateJob } from '#test/adversaries/world/job.ts'
import { misbehaveKinds } from '#worker/misbehave.ts'

const liar = 1

describe('a job with one liar', () => {
  test.each(workerLiars)('$name: $fate ($mechanism)', async ({ kind, fate }) => {
    const isRare = kind === 'skip-few'
    const lab = await (isRare ? openLongLab() : openWideLab())
    const lies = new Map([[liar, kind]])
    const outcome = await simulateJob(lab, { seed: 7, workers: isRare ? 2 : 3, lies, rate: 'new' })
    const [first] = outcome.attempts
    const punished = [...(first?.guilty ?? []), ...(first?.withheld ?? [])]
    expect(punished).toEqual(fate === 'caught' ? [liar] : [])
    expect(wrongedIn(outcome, lies)).toEqual([])
  })

  test('rows are of kinds that a worker knows, each once', () => {
    const kinds = workerLiars.map(({ kind }) => kind)
    expect(new Set(kinds).size).toBe(kinds.length)
    expect(misbehaveKinds).toEqual(expect.arrayContaining(kinds))
  })
})

describe('a job with a lazy evaluator', () => {
  test.each([1, 2, 3])('names it, and nobody else (seed %i)', async (seed) => {
    const outcome = await simulateJob(await openWideLab(), {
      seed,
      workers: 3,
      lazy: 1,
      further: 1, // who sides with the honest one: both give the same evidence
      rate: 'new',
    })
    const [first] = outcome.attempts
    expect(first).toMatchObject({ lazy: [1], guilty: [], withheld: [] })
    expect(outcome.isCompleted).toBe(true)
  })
})

describe('a job whose evaluators are stopped, and one of them killed', () => {
  test.each(Array.from({ length: 16 }, (_, seed) => seed))(
    'the substitute and the one that is left agree (seed %i)',
    async (seed) => {
      const { attempts, isCompleted } = await simulateJob(await openWideLab(), {
        seed,
        workers: 2,
        lost: seed % 2,
        further: 1,
        rate: 'new',
        faults: {
          ...calm,
          missRate: 0.4,
          weather: { delayMsMax: 800, dropRate: 0.3, resendMsMax: 3_000 },
          evaluatorStartMsMax: 5_000,
          evaluatorStopMsMax: 100_000,
        },
      })
      expect(isCompleted).toBe(true)
      expect(attempts).toMatchObject([{ outvoted: [], guilty: [], withheld: [], silent: [] }])
      expect(attempts[0]?.verdict.lazyMask).toBe(0)
    },
  )
})

describe('steps that are left out', () => {
  test('are found by 95 of 100 draws, of 5 % in 64 segments (seed 1)', async () => {
    expect(await countCaught(1, 100)).toBeGreaterThanOrEqual(95)
  })
})

describe('a dispute with one liar', () => {
  const rows = liars.filter(({ side }) => side !== 'worker').filter(({ kind }) => kind !== 'lazy')
  const noCourt = () => Promise.reject(new Error('a dispute needs no court'))

  test.each(rows)('$name: $fate ($mechanism)', async (row) => {
    const trial = await tryLiar(row, noCourt)
    expect(trial.fate).toBe(row.fate)
    expect(trial.gas).toBeLessThanOrEqual(2_000_000n)
    expect(trial.moved.reduce((sum, { wei }) => sum + wei, 0n)).toBe(0n)
  })
})

describe('honest parties', () => {
  test('lose nothing in 60 jobs with random faults and liars (seeds 0 to 59)', async () => {
    const crowd = await runCrowd(0, 60)
    expect(crowd).toMatchObject({ jobs: 60, falseSlashes: 0 })
    expect(crowd.liars).toBeGreaterThan(5)
    expect(crowd.caught).toBeGreaterThan(3)
  })

  test('are named where they are away for longer than the windows', async () => {
    const lab = await openWideLab()
    const crashes = new Map([[liar, [{ atMs: 1500, downMs: 500_000, losesFiles: false }]]])
    const faults = { ...calm, crashes }
    const outcome = await simulateJob(lab, { seed: 3, workers: 3, faults })
    expect(wrongedIn(outcome, new Map()).join()).toMatch(/worker 1 (withheld|submitted nothing)/)
  })
})
