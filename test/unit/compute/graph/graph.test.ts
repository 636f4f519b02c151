import { describe, expect, test } from 'vitest'
import { createBuilder } from '#compute/graph/builder.ts'
import { differentiate } from '#compute/graph/autodiff.ts'
import { floats } from '#compute/graph/operator.ts'
import type { OperatorName, Shape, Tensor, Value } from '#compute/graph/graph.ts'
import { flopsOf, operators } from '#compute/graph/operators.ts'
import { buildForwardOnly, buildTraining, parametersOf } from '#compute/graph/training.ts'
import { placeValues } from '#compute/exact/placement.ts'
import { lowerings } from '#compute/exact/lowerings.ts'
import type { TrainSpec, TransformerSpec } from '#wire/spec.ts'
import { cnnSpec, gptSpec, linearSpec, llamaSpec, mlpSpec } from '../fixtures.ts'

const plain = { transposeA: 0, transposeB: 0 }
const tokens = (...shape: number[]): Tensor => ({ shape, type: 'i32' })
const labels = (count: number): Tensor => tokens(count)
const three = (tensor: Tensor): Tensor[] => [tensor, tensor, tensor]

describe('infer', () => {
  test.each<[OperatorName, Tensor[], object, Shape[]]>([
    ['Gemm', [floats(2, 3), floats(3, 4), floats(4)], plain, [[2, 4]]],
    ['Gemm', [floats(3, 2), floats(4, 3)], { transposeA: 1, transposeB: 1 }, [[2, 4]]],
    ['Conv', [floats(5, 2, 8, 9), floats(7, 2, 3, 3), floats(7)], { pad: 1 }, [[5, 7, 8, 9]]],
    ['Conv', [floats(5, 2, 8, 9), floats(7, 2, 3, 3), floats(7)], { pad: 0 }, [[5, 7, 6, 7]]],
    [
      'Conv',
      [floats(5, 6, 8, 9), floats(4, 3, 3, 2)],
      { pad: [1, 0, 2, 1], stride: [2, 1], dilation: [1, 3], groups: 2 },
      [[5, 4, 5, 7]],
    ],
    [
      'ConvInputGradient',
      [floats(5, 7, 6, 7), floats(7, 2, 3, 3)],
      { pad: 0, h: 8, w: 9 },
      [[5, 2, 8, 9]],
    ],
    [
      'MaxPool',
      [floats(5, 2, 9, 8)],
      { kh: 3, kw: 2, stride: [2, 3], pad: [1, 0, 2, 1] },
      [[5, 2, 5, 3]],
    ],
    ['MaxPool', [floats(5, 2, 9, 8)], {}, [[5, 2, 4, 4]]],
    ['SumChannels', [floats(5, 2, 9, 8)], {}, [[2]]],
    ['SoftmaxCrossEntropy', [floats(6, 4), labels(6)], {}, [[], [6], [6, 4]]],
    ['SquaredError', [floats(6, 4), floats(6, 4)], {}, [[], [6]]],
    ['Add', [floats(2, 3, 4), floats(3, 4)], {}, [[2, 3, 4]]],
    ['Gather', [floats(9, 4), tokens(2, 3)], {}, [[2, 3, 4]]],
    ['GatherGradient', [floats(2, 3, 4), tokens(2, 3)], { rows: 9 }, [[9, 4]]],
    ['LayerNormalization', [floats(6, 4), floats(4), floats(4)], {}, [[6, 4], [6], [6]]],
    ['RmsNormalization', [floats(6, 4), floats(4)], {}, [[6, 4], [6]]],
    ['RotaryTable', [], { context: 5, size: 6 }, [[5, 2, 6]]],
    ['RotaryEmbedding', [floats(10, 12), floats(5, 2, 6)], {}, [[10, 12]]],
    [
      'CausalAttention',
      three(floats(10, 12)),
      { heads: 2, context: 5 },
      [
        [10, 12],
        [2, 2, 5, 5],
      ],
    ],
  ])('%s of %o', (operator, inputs, attributes, expected) => {
    const found = operators[operator].infer(inputs, attributes as Record<string, number>)
    expect(found.map(({ shape }) => shape)).toEqual(expected)
  })

  test.each<[OperatorName, Tensor[], object]>([
    ['Gemm', [floats(2, 3), floats(4, 4)], plain],
    ['Gemm', [floats(2, 3), floats(3, 4), floats(3)], plain],
    ['Gemm', [floats(2, 3), floats(3)], plain],
    ['Conv', [floats(5, 2, 8, 9), floats(7, 3, 3, 3), floats(7)], { pad: 1 }],
    ['Conv', [floats(5, 2, 2, 9), floats(7, 2, 3, 3), floats(7)], { pad: 0 }],
    ['Conv', [floats(5, 6, 8, 9), floats(3, 3, 3, 3)], { pad: 0, groups: 2 }],
    ['Conv', [floats(5, 6, 8, 9), floats(4, 6, 3, 3)], { pad: [0, 0, -1, 0] }],
    ['ConvInputGradient', [floats(5, 7, 6, 8), floats(7, 2, 3, 2)], { pad: 0, h: 9, w: 9 }],
    ['MaxPool', [floats(5, 2, 9, 8)], { kh: 3, kw: 2, stride: 1, pad: [1, 2, 1, 0] }],
    ['MaxPool', [floats(5, 2, 1, 8)], {}],
    ['Add', [floats(2, 3), floats(3, 2)], {}],
    ['SoftmaxCrossEntropy', [floats(6, 4), labels(5)], {}],
    ['SoftmaxCrossEntropy', [floats(6, 4), floats(6)], {}],
    ['SquaredError', [floats(6, 4), floats(6, 3)], {}],
    ['Add', [floats(3, 4), floats(2, 3, 4)], {}],
    ['Add', [floats(2, 3, 4), floats(2, 4)], {}],
    ['Gather', [floats(9, 4), floats(2, 3)], {}],
    ['Gather', [floats(9), tokens(2, 3)], {}],
    ['GatherGradient', [floats(2, 4), tokens(3)], { rows: 9 }],
    ['Mul', [floats(6, 4), floats(4, 6)], {}],
    ['LayerNormalization', [floats(6, 4), floats(4)], {}],
    ['LayerNormalization', [floats(6, 4), floats(4), floats(6)], {}],
    ['RmsNormalization', [floats(6, 4), floats(4), floats(4)], {}],
    ['RotaryTable', [], { context: 5, size: 7 }],
    ['RotaryEmbedding', [floats(11, 12), floats(5, 2, 6)], {}],
    ['RotaryEmbedding', [floats(10, 13), floats(5, 2, 6)], {}],
    ['CausalAttention', three(floats(10, 12)), { heads: 5, context: 5 }],
    ['CausalAttention', three(floats(10, 12)), { heads: 2, context: 4 }],
    ['CausalAttention', [floats(10, 12), floats(10, 12), floats(10, 6)], { heads: 2, context: 5 }],
    ['AdamW', [floats(6), floats(6), floats(6), floats(5)], { isDecayed: 0 }],
  ])('SHAPE_MISMATCH: %s of %o', (operator, inputs, attributes) => {
    const infer = () => operators[operator].infer(inputs, attributes as Record<string, number>)
    expect(infer).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }))
  })

  test('every operator has a lowering', () => {
    expect(Object.keys(lowerings).toSorted()).toEqual(Object.keys(operators).toSorted())
  })
})

describe('flops', () => {
  test('of a linear model are those that one counts by hand', () => {
    const { batchSize: n } = linearSpec
    const k = 13
    const forward = n * (2 * k + 1) + n * 3 + n
    const backward = 3 * n + 2 * n * k + n
    const update = 2 * (k + 1)
    expect(buildForwardOnly(linearSpec).flops).toBe(forward)
    expect(buildTraining(linearSpec).flops).toBe(forward + backward + update)
  })

  test('of a convolution count every product and sum, padding included', () => {
    const builder = createBuilder()
    const x = builder.input(floats(2, 3, 8, 8))
    const parts = [builder.input(floats(5, 3, 3, 3)), builder.input(floats(5))]
    const outputs = builder.apply('Conv', [x, ...parts], { pad: 1 })
    expect(flopsOf(builder.graph(outputs))).toBe(2 * 5 * 64 * (2 * 27 + 1))
  })
})

describe('parametersOf', () => {
  test('lays parameters out one behind another', () => {
    expect(parametersOf(cnnSpec).map(({ name, shape, offset }) => [name, shape, offset])).toEqual([
      ['conv1.weight', [6, 1, 3, 3], 0],
      ['conv1.bias', [6], 54],
      ['conv2.weight', [12, 6, 3, 3], 60],
      ['conv2.bias', [12], 708],
      ['dense1.weight', [108, 24], 720],
      ['dense1.bias', [24], 3312],
      ['dense2.weight', [24, 10], 3336],
      ['dense2.bias', [10], 3576],
    ])
  })

  test('names the parts of a transformer', () => {
    const names = (spec: TrainSpec) => parametersOf(spec).map(({ name }) => name)
    const { model } = llamaSpec as TrainSpec & { model: TransformerSpec }
    expect(names({ ...llamaSpec, model: { ...model, layers: 1, ternary: true } })).toEqual([
      'embedding.weight',
      'block1.attentionNorm.weight',
      'block1.query.weight',
      'block1.key.weight',
      'block1.value.weight',
      'block1.attentionSubNorm.weight',
      'block1.output.weight',
      'block1.feedForwardNorm.weight',
      'block1.up.weight',
      'block1.gate.weight',
      'block1.feedForwardSubNorm.weight',
      'block1.down.weight',
      'finalNorm.weight',
      'head.weight',
    ])
    expect(names(gptSpec)).toContain('block2.value.bias')
    expect(names(gptSpec)).not.toContain('block2.key.bias')
    expect(names(gptSpec)).not.toContain('head.weight')
  })

  test('decays weights and no biases', () => {
    for (const { name, isDecayed } of parametersOf(mlpSpec))
      expect(isDecayed).toBe(name.endsWith('weight'))
  })
})

describe('differentiate', () => {
  test('adds the gradients of a value that is used twice', () => {
    const builder = createBuilder()
    const x = builder.input(floats(2, 2))
    const w = builder.parameter('w', [2, 2], { kind: 'zeros' })
    const h = builder.apply('Gemm', [x, w], plain)[0] as Value
    const twice = builder.apply('Add', [h, builder.apply('Relu', [h])[0] as Value])[0] as Value
    const loss = builder.apply('SquaredError', [twice, x])[0] as Value
    const before = builder.nodes.length
    const gradients = differentiate(builder, loss)
    expect(builder.nodes.slice(before).map(({ operator }) => operator)).toEqual([
      'SquaredErrorGradient',
      'ReluGradient',
      'Add',
      'Gemm',
    ])
    expect(gradients.get(w)?.shape).toEqual([2, 2])
    expect(gradients.has(x)).toBe(false)
  })
})

describe('placeValues', () => {
  test.each([mlpSpec, cnnSpec, linearSpec, gptSpec, llamaSpec])(
    'gives no two living values the same bytes ($model.kind)',
    (spec) => {
      const { graph, x, y } = buildTraining(spec)
      const isFixed = (value: Value) => value === x || value === y || value.home !== undefined
      const { offsets, rootOf, sizeBytes } = placeValues(graph, isFixed)
      const holders = new Map<number, Value>() // who wrote each byte block of 64 last
      const blocksOf = (value: Value) => {
        const bytes = 4 * value.shape.reduce((product, side) => product * side, 1)
        const first = (offsets.get(value) as number) / 64
        return Array.from({ length: Math.ceil(bytes / 64) }, (_, i) => first + i)
      }
      let used = 0
      for (const { inputs, outputs } of graph.nodes) {
        for (const input of inputs.map(rootOf).filter((value) => !isFixed(value))) {
          for (const block of blocksOf(input)) expect(holders.get(block)).toBe(input)
        }
        for (const output of outputs.filter(
          (value) => rootOf(value) === value && !isFixed(value),
        )) {
          for (const block of blocksOf(output)) holders.set(block, output)
          used += blocksOf(output).length * 64
        }
      }
      expect(sizeBytes).toBeLessThan(used)
    },
  )
})
