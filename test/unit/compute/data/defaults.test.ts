import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultModelKind, defaultSpec, type InputFacts } from '#compute/data/defaults.ts'
import { segmentsPerWorker, trainSpecSchema } from '#wire/spec.ts'
import { fuzz } from './scratch.ts'

const { seed, numRuns } = fuzz(300)

describe('defaultSpec', () => {
  const facts: fc.Arbitrary<InputFacts> = fc
    .record({
      task: fc.constantFrom('classify', 'regress'),
      model: fc.constantFrom('linear', 'mlp', 'cnn'),
      trainRows: fc.integer({ min: 8, max: 10_000_000 }),
      workerCount: fc.integer({ min: 1, max: 8 }),
      classes: fc.integer({ min: 2, max: 100 }),
      side: fc.integer({ min: 4, max: 64 }),
    })
    .map(({ side, classes, ...rest }) => ({
      ...rest,
      outputs: rest.task === 'classify' ? classes : 1,
      inputShape: rest.model === 'cnn' ? [1, side, side] : [side * side],
    }))

  test(`fits every input (seed ${seed})`, () => {
    fc.assert(
      fc.property(facts, (input) => {
        const spec = defaultSpec(input)
        expect(trainSpecSchema.parse(spec)).toEqual(spec)
        expect(spec.batchSize).toBeLessThanOrEqual(Math.floor(input.trainRows / input.workerCount))
        expect([4, 8, 16, 32]).toContain(spec.localSteps)
        expect(segmentsPerWorker(spec)).toBeGreaterThanOrEqual(12)
        expect(spec.rounds).toBeLessThanOrEqual(64)
      }),
      { seed, numRuns },
    )
  })

  test('trains the digits in 48 rounds and 12 segments', () => {
    const spec = defaultSpec({
      task: 'classify',
      model: 'cnn',
      trainRows: 4800,
      workerCount: 3,
      outputs: 10,
      inputShape: [1, 16, 16],
    })
    expect([spec.batchSize, spec.localSteps, spec.rounds, segmentsPerWorker(spec)]).toEqual([
      64, 8, 48, 12,
    ])
  })
})

describe('defaultModelKind', () => {
  test.each([
    ['cnn', [1, 8, 8]],
    ['cnn', [3, 32, 32]],
    ['mlp', [1, 4, 8]],
    ['mlp', [64]],
  ] as const)('takes a %s for %j', (kind, shape) => {
    expect(defaultModelKind(shape)).toBe(kind)
  })
})
