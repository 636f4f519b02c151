import type { Backend, BackendModel } from '#compute/backends/backend.ts'
import { createEngine } from '#compute/exact/engine.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { readWasm } from '../fixtures.ts'

export interface ExactBackendOptions {
  /** Trains another spec than it is given. */
  readonly turn?: (spec: TrainSpec) => TrainSpec
  /** Changes the parameters after each step, of which `step` are done. */
  readonly spoil?: (p: Float32Array, step: number) => void
}

/** The exact engine behind the interface of the others, or one that is wrong on purpose. */
export function createExactBackend({
  turn = (spec) => spec,
  spoil = () => {},
}: ExactBackendOptions = {}): Backend {
  return {
    name: 'fake',
    async open(spec): Promise<BackendModel> {
      const engine = await createEngine(turn(spec), await readWasm())
      return {
        load({ p, m, v, step }) {
          engine.p.set(p)
          engine.m.set(m)
          engine.v.set(v)
          engine.setStep(step)
        },
        setNoise: engine.setNoise,
        state: () => Promise.resolve({ p: engine.p, m: engine.m, v: engine.v, step: engine.step }),
        train({ x, y }) {
          engine.x.set(x)
          engine.y.set(y)
          const loss = engine.train()
          spoil(engine.p, engine.step)
          return Promise.resolve(loss)
        },
        forward({ x, y }) {
          engine.x.set(x)
          engine.y.set(y)
          return Promise.resolve(engine.forward())
        },
        close: () => engine.close(),
      }
    },
  }
}
