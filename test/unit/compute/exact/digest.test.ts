import { afterAll, describe, expect, test } from 'vitest'
import { type Engine, createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { bytesRoot } from '#base/crypto/merkle.ts'
import { toHex } from '#base/hex.ts'
import { partRootOf } from '#compute/train/commit.ts'
import { leafOfEngine, leafOfState } from '#compute/train/state.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { knownSpecs } from '../known-answer.ts'
import { readWasm } from '../fixtures.ts'
import { fold } from './reference.ts'
import { createWorkbench } from './workbench.ts'

const gradientRootOf = (g: Float32Array) => toHex(bytesRoot(new Uint8Array(fold(g).buffer)))
const engines: Engine[] = []
afterAll(async () => {
  for (const engine of engines) await engine.close()
})

async function engineOf(spec: TrainSpec, threads: number): Promise<Engine> {
  const engine = await createEngine(spec, await readWasm(), {
    threads,
    createTeam: createThreadTeam,
  })
  engines.push(engine)
  engine.initialize(`0x${'07'.repeat(32)}`)
  engine.train()
  return engine
}

test('the gradients are folded as the specification says', async () => {
  const bench = await createWorkbench(23)
  for (const count of [1, 31, 32, 33, 2047, 2048, 2049, 3 * 2048 + 77]) {
    bench.clear()
    const values = bench.values(count, true)
    const x = bench.put(values)
    const expected = fold(values)
    const to = bench.put(new Int32Array(expected.length).fill(7))
    bench.kernels.fold(x, count, to)
    const found = bench.take(to, expected.length + 1)
    expect([...new Uint32Array(found.buffer).subarray(0, -1)]).toEqual([...expected])
    expect(found.at(-1)).toBeNaN()
    const [changed, at] = [values.slice(), bench.integer(0, count - 1)]
    changed[at] = (changed[at] as number) + 1
    expect(fold(changed)).not.toEqual(expected)
  }
})

const rootsOf = ({ p, g, m, v }: Engine) => {
  return { p: partRootOf(p), g: gradientRootOf(g), m: partRootOf(m), v: partRootOf(v) }
}

describe('partRootsLater', () => {
  const cases = [1, 2, 3].flatMap((threads) =>
    (['mlp', 'cnnNorm', 'gpt'] as const).map((name) => [name, threads] as const),
  )
  test.each(cases)('of a %s with %i threads are those of before the next step', async (...of) => {
    const [name, threads] = of
    const engine = await engineOf(knownSpecs[name], threads)
    for (let step = 0; step < 3; step += 1) {
      const before = rootsOf(engine)
      const roots = engine.partRootsLater()
      engine.train()
      const after = rootsOf(engine)
      expect(roots()).toEqual(before)
      expect(after.p).not.toBe(before.p)
    }
    expect(engine.partRoots()).toEqual(rootsOf(engine))
  })

  test('a step is the same with and without hashing on the way', async () => {
    const [one, other] = [await engineOf(knownSpecs.gpt, 2), await engineOf(knownSpecs.gpt, 2)]
    one.partRootsLater()
    expect(one.train()).toBe(other.train())
    expect(rootsOf(one)).toEqual(rootsOf(other))
  })

  test('asked for before the next step, they are hashed then', async () => {
    const engine = await engineOf(knownSpecs.mlp, 2)
    const roots = engine.partRootsLater()
    const before = rootsOf(engine)
    expect(roots()).toEqual(before)
    engine.train()
    expect(roots()).toEqual(before)
  })

  test('those that were given up are never given', async () => {
    const engine = await engineOf(knownSpecs.mlp, 2)
    const roots = engine.partRootsLater()
    engine.partRoots()
    engine.train()
    expect(roots).toThrow('nobody asked')
  })
})

describe('partRoots', () => {
  test.each([1, 2, 3, 4])('are those of the vectors with %i threads', async (threads) => {
    const engine = await engineOf(knownSpecs.mlp, threads)
    const roots = rootsOf(engine)
    expect(engine.partRoots()).toEqual(roots)
    expect(new Set(Object.values(roots)).size).toBe(4)
    expect(leafOfEngine(engine)).toEqual(leafOfState(engine))
  })

  test('follow every change of the state', async () => {
    const engine = await engineOf(knownSpecs.mlp, 2)
    const before = engine.partRoots()
    engine.m[engine.m.length - 1] = 0.5
    const after = engine.partRoots()
    expect(after).toEqual({ ...before, m: partRootOf(engine.m) })
    expect(after.m).not.toBe(before.m)
    engine.train()
    expect(engine.partRoots().p).toBe(partRootOf(engine.p))
  })

  test('of empty moments are those of no bytes', async () => {
    const sgd = { kind: 'sgd', learningRate: 0.1 } as const
    const engine = await engineOf({ ...knownSpecs.mlp, optimizer: sgd }, 2)
    const empty = partRootOf(new Float32Array())
    expect(engine.partRoots()).toEqual({
      p: partRootOf(engine.p),
      g: gradientRootOf(engine.g),
      m: empty,
      v: empty,
    })
  })
})
