import { createEngine, type Engine } from '#compute/exact/engine.ts'
import type { ImportedModel } from '#compute/import/imported-model.ts'
import { trainSpecSchema, type TrainSpec } from '#wire/spec.ts'
import { createRows, mlpSpec, readWasm, seed } from '../fixtures.ts'

export const batchSize = 8

/** A training of an imported model. */
export function specOf({ model, inputShape, outputs }: ImportedModel): TrainSpec {
  const learningRate = 0.01
  const optimizer = {
    ...mlpSpec.optimizer,
    kind: 'adamw' as const,
    learningRate,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
  }
  return trainSpecSchema.parse({
    ...mlpSpec,
    optimizer,
    model,
    inputShape: [...inputShape],
    outputs,
    batchSize,
  })
}

/** An engine over it, begun from a seed. */
export async function engineOf(imported: ImportedModel) {
  const engine = await createEngine(specOf(imported), await readWasm())
  engine.initialize(seed)
  return engine
}

/** Gives the engine a batch; returns its rows. */
export function fill(engine: Engine, imported: ImportedModel) {
  const { x, y } = createRows(specOf(imported), batchSize)
  engine.x.set(x)
  engine.y.set(y)
  return x
}
