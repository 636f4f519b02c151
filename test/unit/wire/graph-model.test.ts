import { describe, expect, test } from 'vitest'
import { buildTraining } from '#compute/graph/training.ts'
import { graphModelSchema, type GraphModel } from '#wire/graph-model.ts'
import { trainSpecSchema } from '#wire/spec.ts'
import { fieldsOf } from '../compute/data/scratch.ts'
import { mlpSpec } from '../compute/fixtures.ts'

const normal = { kind: 'normal', gain: 1, fanIn: 4 } as const
const weight = { name: 'w', shape: [4, 3], initial: normal }
const gemm = {
  operator: 'Gemm',
  values: ['x'],
  parameters: ['w'],
  output: 'y',
  attributes: {},
} as const
const relu = {
  operator: 'Relu',
  values: ['x'],
  parameters: [],
  output: 'h',
  attributes: {},
} as const
const good: GraphModel = {
  kind: 'graph',
  nodes: [
    { ...relu, values: [...relu.values], parameters: [] },
    { ...gemm, values: ['h'], parameters: ['w'] },
  ],
  parameters: [weight],
}
const spec = { ...mlpSpec, inputShape: [4], outputs: 3 }

describe('graphModelSchema', () => {
  test('accepts a graph whose parts are all used', () => {
    const train = trainSpecSchema.parse({ ...spec, model: good })
    expect(buildTraining(train).parameterCount).toBe(12)
  })

  test.each([
    [
      'a cycle',
      {
        nodes: [
          { ...relu, values: ['y'] },
          { ...gemm, values: ['h'] },
        ],
      },
    ],
    ['an unknown operator', { nodes: [{ ...gemm, operator: 'Loop' }] }],
    ['an unknown parameter', { nodes: [{ ...gemm, parameters: ['v'] }] }],
    ['a parameter as a value', { nodes: [relu, { ...gemm, values: ['w'] }] }],
    ['a name given twice', { nodes: [{ ...relu, output: 'x' }, gemm] }],
    ['a parameter that nothing uses', { parameters: [weight, { ...weight, name: 'v' }] }],
    ['a parameter that stands twice', { parameters: [weight, weight] }],
    ['a value that nothing uses', { nodes: [relu, gemm] }],
    ['sides beyond every limit', { parameters: [{ ...weight, shape: [2 ** 20, 2 ** 20] }] }],
    ['a side of 2^63', { parameters: [{ ...weight, shape: [2 ** 63, 1] }] }],
    ['more nodes than allowed', { nodes: Array.from({ length: 1025 }, () => relu) }],
    ['unknown attributes', { nodes: [{ ...gemm, attributes: { transB: 1 } }] }],
  ])('refuses %s', (_title, change) => {
    expect(graphModelSchema.safeParse({ ...good, ...change }).success).toBe(false)
  })

  test('refuses a running figure that two normalizations move', () => {
    const names = ['gain', 'bias', 'mean', 'variance']
    const normal = {
      operator: 'BatchNormalization',
      values: ['x'],
      parameters: names,
      output: 'y',
      attributes: { epsilon: 1e-5, keep: 0.9 },
    }
    const parameters = names.map((name) => ({ name, shape: [3], initial: { kind: 'ones' } }))
    const model = { kind: 'graph', nodes: [normal], parameters }
    expect(graphModelSchema.safeParse(model).success).toBe(true)
    const twice = { ...normal, values: ['y'], output: 'z' }
    const refused = graphModelSchema.safeParse({ ...model, nodes: [normal, twice] })
    expect(refused.error?.issues[0]?.message).toContain('mean is used 2 times')
  })

  test.each([
    ['SHAPE_MISMATCH', { inputShape: [5] }, 'y'],
    ['SHAPE_MISMATCH', { inputShape: [2, 2] }, 'y'],
    ['SPEC_INVALID', { outputs: 4 }, 'y'],
  ])('%s where the job does not fit the graph', async (code, change, node) => {
    const train = trainSpecSchema.parse({ ...spec, model: good, ...change })
    expect(await fieldsOf(() => buildTraining(train))).toMatchObject({ code, node })
  })
})
