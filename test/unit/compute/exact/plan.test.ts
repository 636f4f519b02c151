import { describe, expect, test } from 'vitest'
import { createMemory, instantiateKernels } from '#compute/exact/kernels.ts'
import { type Layout, createWorkplace, layOut } from '#compute/exact/layout.ts'
import { shareStart } from '#compute/exact/plan.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { type KnownName, knownSpecs } from '../known-answer.ts'
import { createFloats, readWasm } from '../fixtures.ts'

const rates = [0.9, 0.1, 0.999, 0.001, 0.01, 1000, 1e-8, 0.999]
const module = await WebAssembly.compile(await readWasm())

function layoutOf(spec: TrainSpec, threads: number): Layout {
  return layOut(spec, instantiateKernels(module, createMemory(1)), { threads })
}

/** One training step whose threads run one after another between barriers, in the given order; p afterwards. */
function stepInOrder(spec: TrainSpec, order: readonly number[]): Uint32Array {
  const threads = order.length
  const layout = layoutOf(spec, threads)
  const memory = createMemory(layout.sizeBytes)
  const floats = (start: number, count: number) => new Float32Array(memory.buffer, start, count)
  const next = createFloats(29)
  const p = floats(layout.vectors.p, layout.training.parameterCount)
  for (let i = 0; i < p.length; i += 1) p[i] = next() * 0.1
  floats(layout.rates, rates.length).set(rates)
  const x = layout.training.x.type === 'i32' ? Int32Array : Float32Array
  const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
  new x(memory.buffer, layout.x, sizeOf(layout.training.x.shape)).forEach((_, i, values) => {
    values[i] = (i * 7) % 10
  })
  new Int32Array(memory.buffer, layout.y, sizeOf(layout.training.y.shape)).forEach(
    (_, i, values) => {
      values[i] = i % 10
    },
  )
  const workplaces = order.map((_, i) => createWorkplace(layout, { module, memory }, i))
  const calls = workplaces.map(({ plans }) => plans.train)
  const count = calls[0]?.length ?? 0
  for (let start = 0; start < count;) {
    let end = start + 1
    while (end < count && !calls[0]?.[end]?.isAfterBarrier) end += 1
    for (const thread of order) {
      for (const call of calls[thread]?.slice(start, end) ?? []) {
        const { units, grain, run } = call
        const from = shareStart(units, grain, thread / threads)
        const to = shareStart(units, grain, (thread + 1) / threads)
        const { kernels, scratch } = workplaces[thread] as (typeof workplaces)[number]
        if (from < to) run(kernels, { from, to, scratch })
      }
    }
    start = end
  }
  return new Uint32Array(p.slice().buffer)
}

describe('planGraph', () => {
  const names: KnownName[] = ['mlp', 'cnn', 'gpt']
  test.each(names)('lets the threads of a %s step run in any order between barriers', (name) => {
    const spec = { ...knownSpecs[name], batchSize: 5 }
    const alone = stepInOrder(spec, [0])
    for (const order of [
      [0, 1],
      [1, 0],
      [2, 0, 1],
      [3, 2, 1, 0],
    ]) {
      expect(Buffer.from(stepInOrder(spec, order).buffer).equals(Buffer.from(alone.buffer))).toBe(
        true,
      )
    }
    expect(alone.some((bits) => bits !== 0 && bits !== 0x7fc00000)).toBe(true)
  })

  function trainPlanOf(name: KnownName) {
    const layout = layoutOf(knownSpecs[name], 2)
    const memory = createMemory(layout.sizeBytes)
    return createWorkplace(layout, { module, memory }, 0).plans.train
  }

  test('needs few barriers', () => {
    const barriers = (name: KnownName) =>
      trainPlanOf(name).filter(({ isAfterBarrier }) => isAfterBarrier).length
    expect([barriers('mlp'), barriers('cnn'), barriers('gpt')]).toEqual([5, 10, 53])
  })

  test('knows which calls change the state: the optimizer, and running means', () => {
    const quiet = (name: KnownName) => {
      const calls = trainPlanOf(name)
      return calls.findIndex(({ changesState }) => changesState) / calls.length
    }
    expect(quiet('mlp')).toBeGreaterThan(0.5)
    expect(quiet('gpt')).toBeGreaterThan(0.5)
    expect(quiet('cnnNorm')).toBeLessThan(0.5)
    expect(quiet('cnnNorm')).toBeGreaterThan(0)
  })
})
