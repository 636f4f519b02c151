import { describe, expect, test } from 'vitest'
import { selfTestSpecs } from '#compute/backends/self-test-specs.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { type DrawnStep, drawSteps } from '#compute/train/drawn.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundSteps, Transcript } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'

const worker: Hex = `0x${'a1'.repeat(20)}`
const localSteps = 3
/** Two rounds a segment, three segments; round 3 left this worker out. */
const train = { ...selfTestSpecs['network'], localSteps, rounds: 6, segmentSteps: 6 } as TrainSpec

const leaf = (name: number): Leaf => ({
  p: `0x${name.toString(16).padStart(64, '0')}`,
  m: zeroHash,
  v: zeroHash,
  step: name,
  transcript: zeroHash,
})

function roundOf(round: number): RoundSteps {
  const count = round === 3 ? 0 : localSteps
  const steps = Array.from({ length: count }, (_, i) => leaf(100 * round + i + 1))
  return { round, listHash: zeroHash, steps, aggregated: leaf(100 * round + 99) }
}

const records = [0, 1, 2].map((segment) => ({
  ...({ version: 1, jobId: zeroHash, attempt: 0, worker, flops: 0 } as const),
  inputRoot: zeroHash,
  outputRoot: zeroHash,
  stepRoot: zeroHash,
  segment,
  input: segment === 0 ? leaf(0) : leaf(100 * (2 * segment - 1) + 99),
  rounds: [roundOf(2 * segment), roundOf(2 * segment + 1)],
}))
const rounds = Array.from({ length: 6 }, (_, round) => ({
  round,
  list: [],
  signatures: [],
  isClosedOnChain: false,
}))
const transcript: Transcript = { version: 1, jobId: zeroHash, attempt: 0, worker, records, rounds }
const seeds = Array.from({ length: 64 }, (_, n) => {
  return `0x${n.toString(16).padStart(2, '0').repeat(32)}` as const
})
const tolerant = (auditSeed: Hex) => drawSteps(train, transcript, { auditSeed, isTolerant: true })

describe('drawn steps of a tolerant job', () => {
  test.each(seeds.slice(0, 8))('the first round is always among them: %s', (seed) => {
    const [first, aggregation] = tolerant(seed)
    expect(first).toMatchObject({ kind: 'local', segment: 0, step: 0, round: 0, steps: localSteps })
    expect(first?.before).toEqual(leaf(0))
    expect(first?.after).toEqual(leaf(localSteps))
    expect(aggregation).toMatchObject({ kind: 'aggregation', segment: 0, step: localSteps })
  })

  test.each(seeds)('are whole rounds of the steps that an exact job has drawn: %s', (seed) => {
    const exact = drawSteps(train, transcript, { auditSeed: seed })
    const drawn = tolerant(seed)
    const roundsOf = (steps: readonly DrawnStep[]) => new Set(steps.map(({ round }) => round))
    expect(roundsOf(drawn)).toEqual(new Set([0, ...roundsOf(exact)]))
    for (const [i, step] of drawn.entries()) {
      if (step.kind !== 'local') continue
      const next = drawn[i + 1]
      expect(next).toMatchObject({ kind: 'aggregation', round: step.round })
      // The state after the steps is the one before the aggregation, under whose number it is opened.
      expect(next?.before).toEqual(step.after)
      expect(next?.step).toBe(step.step + step.steps)
    }
  })

  test('a round that left the worker out is its aggregation alone', () => {
    const seed = seeds.find((one) => tolerant(one).some(({ round }) => round === 3)) as Hex
    const drawn = tolerant(seed).filter(({ round }) => round === 3)
    expect(drawn).toMatchObject([{ kind: 'aggregation', segment: 1, step: localSteps + 1 }])
    expect(drawn[0]?.before).toEqual(leaf(299))
  })
})
