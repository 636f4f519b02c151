import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fuseGraph, finishOf } from '#compute/exact/fusion.ts'
import { createMemory, instantiateKernels } from '#compute/exact/kernels.ts'
import { layOut } from '#compute/exact/layout.ts'
import { createBuilder } from '#compute/graph/builder.ts'
import { type Value, sizeOf } from '#compute/graph/graph.ts'
import { buildForwardOnly, buildTraining } from '#compute/graph/training.ts'
import { knownSpecs } from '../known-answer.ts'
import { readWasm } from '../fixtures.ts'
import * as reference from './reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const stream = 17
let bench: Workbench
beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

const plain = { transposeA: 0, transposeB: 0 }

describe(`gemmThen (stream ${stream})`, () => {
  test.each(Array.from({ length: 80 }, (_, i) => [i]))('case %i', (index) => {
    const m = index < 20 ? bench.integer(1, 9) : bench.integer(1, 70)
    const n = bench.integer(1, index % 9 === 8 ? 1100 : 40)
    const k = bench.integer(1, index % 10 === 9 ? 600 : 50)
    const finish = index % 4
    const a = bench.values(m * k, true)
    const b = bench.values(k * n, true)
    const bias = index % 3 === 0 ? undefined : bench.values(n, true)
    const other = bench.values(m * n, true)
    const [brs, bcs] = index % 5 === 0 ? [1, k] : [n, 1]
    const c = bench.put(new Float32Array(m * n).fill(7))
    const scratch = bench.scratch(bench.kernels.gemmScratchBytes(k, n))
    const [pa, pb, pOther] = [bench.put(a), bench.put(b), bench.put(other)]
    const pBias = bias ? bench.put(bias) : 0
    bench.kernels.gemmThen(m, n, k, pa, k, 1, pb, brs, bcs, c, n, scratch, pBias, finish, pOther)
    const expected = reference
      .gemm(
        { rows: m, columns: k, at: (i, j) => a[i * k + j] as number },
        { rows: k, columns: n, at: (i, j) => b[i * brs + j * bcs] as number },
      )
      .map((sum, i) => (bias ? Math.fround(sum + (bias[i % n] as number)) : sum))
      .map((sum, i) => followed(finish, sum, other[i] as number))
    expect(bitsOf(bench.take(c, m * n))).toEqual(bitsOf(expected))
    expect(bench.take(c + 4 * m * n, 1)).toEqual(Float32Array.of(Number.NaN))
    expect(bench.take(scratch + bench.kernels.gemmScratchBytes(k, n), 1)[0]).toBeNaN()
  })
})

function followed(finish: number, sum: number, other: number): number {
  if (finish === finishOf.add) return Math.fround(sum + other)
  if (finish === finishOf.relu) return 0 < sum ? sum : 0
  if (finish === finishOf.mask) return 0 < other ? sum : 0
  return sum
}

/** x w, and what `rest` makes of it; the operators that are left after fusion. */
function fusedOf(rest: (product: Value, x: Value, apply: typeof builder.apply) => Value[]) {
  const x = builder.input({ shape: [4, 4], type: 'f32' })
  const w = builder.parameter('w', [4, 4], { kind: 'zeros' })
  const product = builder.apply('Gemm', [x, w], plain)[0] as Value
  const graph = builder.graph(rest(product, x, builder.apply))
  return fuseGraph(graph).nodes.map(({ operator, attributes }) =>
    attributes['finish'] === undefined ? operator : `${operator} ${String(attributes['finish'])}`,
  )
}
let builder: ReturnType<typeof createBuilder>
beforeEach(() => {
  builder = createBuilder()
})

describe('fuseGraph', () => {
  test.each([
    ['Relu', 'Gemm 2'],
    ['Add', 'Gemm 1'],
  ] as const)('puts a %s into the product', (operator, fused) => {
    expect(
      fusedOf((product, x, apply) => [
        ...apply(operator, operator === 'Add' ? [x, product] : [product]),
      ]),
    ).toEqual([fused])
  })

  test('puts a ReluGradient into the product of its gradient, not of its mask', () => {
    expect(fusedOf((product, x, apply) => [...apply('ReluGradient', [x, product])])).toEqual([
      'Gemm 3',
    ])
    builder = createBuilder()
    expect(fusedOf((product, x, apply) => [...apply('ReluGradient', [product, x])])).toEqual([
      'Gemm',
      'ReluGradient',
    ])
  })

  test('keeps a product that somebody else reads', () => {
    const twice = fusedOf((product, _x, apply) => [
      apply('Add', [product, product])[0] as Value,
      apply('SumRows', [product])[0] as Value,
    ])
    expect(twice).toEqual(['Gemm', 'Add', 'SumRows'])
    builder = createBuilder()
    expect(
      fusedOf((product, _x, apply) => [product, apply('Relu', [product])[0] as Value]),
    ).toEqual(['Gemm', 'Relu'])
  })

  test('does not add what is computed later', () => {
    const operators = fusedOf((product, x, apply) => {
      const later = apply('Relu', [x])[0] as Value
      return [...apply('Add', [product, later])]
    })
    expect(operators).toEqual(['Gemm', 'Relu', 'Add'])
  })

  test('leaves an MLP without passes of its own for relu', () => {
    const { nodes } = fuseGraph(buildTraining(knownSpecs.mlp).graph)
    expect(nodes.filter(({ operator }) => operator.startsWith('Relu'))).toEqual([])
  })
})

describe('memory', () => {
  test.each([
    ['mlp', 1.65],
    ['cnn', 1.2],
    ['gpt', 1.2],
  ] as const)(
    'of a step of the %s is at most %f x parameters, optimizer state and activations',
    async (name, most) => {
      const spec = knownSpecs[name]
      const module = await WebAssembly.compile(await readWasm())
      const layout = layOut(spec, instantiateKernels(module, createMemory(1)), { threads: 1 })
      const forward = buildForwardOnly(spec)
      const activations = forward.graph.nodes
        .filter(({ operator }) => operator !== 'Reshape')
        .flatMap(({ outputs }) => outputs)
        .reduce((sum, { shape }) => sum + sizeOf(shape), 0)
      const state = 3 * forward.parameterCount
      expect(layout.sizeBytes / (4 * (state + activations))).toBeLessThan(most)
    },
  )
})
