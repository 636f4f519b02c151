import { describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { type CnnSpec, type TrainSpec, type TransformerSpec, hasTokens } from '#wire/spec.ts'
import {
  bagSpec,
  cnnSpec,
  gptSpec,
  llamaSpec,
  createFloats,
  linearSpec,
  mlpSpec,
  readWasm,
  rowsOf,
  seed,
} from '../fixtures.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import { loadBatch } from '#compute/train/rows.ts'
import { type Fixture, fixtures } from '../import/fixtures.ts'
import { specOf } from '../import/imported.ts'

const sgd = { kind: 'sgd', learningRate: 1e-30 } as const // leaves p as it is
const specs: Readonly<Record<string, TrainSpec>> = {
  linear: { ...linearSpec, outputs: 3 },
  logistic: { ...mlpSpec, model: { kind: 'logistic' }, optimizer: sgd },
  mlp: { ...mlpSpec, model: { kind: 'mlp', hidden: [20, 9] }, optimizer: sgd },
  'mlp on images': { ...cnnSpec, model: { kind: 'mlp', hidden: [20] }, optimizer: sgd },
  cnn: { ...cnnSpec, optimizer: sgd },
  'cnn, odd sides': { ...cnnSpec, inputShape: [3, 11, 13], optimizer: sgd },
  'cnn with batch norm': withOptions({ batchNorm: true }),
  'cnn with averages': withOptions({ pooling: 'average', head: 'globalAverage' }),
  'cnn with all of them': {
    ...withOptions({ batchNorm: true, pooling: 'average', head: 'globalAverage' }),
    inputShape: [2, 11, 13],
  },
  'strides and poolings that overlap': specOfFile(6),
  'windows of every kind': specOfFile(8),
  'bag of embeddings': bagSpec,
  gpt: gptSpec,
  llama: llamaSpec,
  'gpt with dropout': withModel(gptSpec, { dropout: 0.25 }),
  'gpt with rotary positions': withModel(gptSpec, { positions: 'rotary', tied: false }),
  'llama with learned positions, tied': withModel(llamaSpec, { positions: 'learned', tied: true }),
  'cnn for values': { ...cnnSpec, loss: 'meanSquaredError', outputs: 2, optimizer: sgd },
}

function specOfFile(index: number): TrainSpec {
  return specOf(importOnnx((fixtures[index] as Fixture).bytes, 'model.onnx'))
}

function withOptions(options: Partial<CnnSpec>): TrainSpec {
  return { ...cnnSpec, optimizer: sgd, model: { ...(cnnSpec.model as CnnSpec), ...options } }
}

function withModel(spec: TrainSpec, changes: Partial<TransformerSpec>): TrainSpec {
  return { ...spec, model: { ...(spec.model as TransformerSpec), ...changes } }
}

/** Loss at p + shift * direction, in binary64 over the rows of the batch. */
type LossAt = (shift: number) => number

async function prepare(spec: TrainSpec) {
  const engine = await createEngine({ ...spec, optimizer: sgd }, await readWasm())
  const rows = rowsOf(spec, spec.batchSize)
  engine.initialize(seed)
  engine.setNoise(seed)
  // biases away from zero, so that their gradients are seen where ReLU bends; attention away from evenness
  const next = createFloats(3)
  const spread = hasTokens(spec) ? 0.3 : 0.02
  for (let i = 0; i < engine.p.length; i += 1) {
    engine.p[i] = (engine.p[i] as number) + spread * next()
  }
  loadBatch(
    engine,
    rows,
    Array.from({ length: spec.batchSize }, (_, i) => i),
  )
  return engine
}

describe('each parameter gradient is the slope of the loss along it', () => {
  test.each(Object.keys(specs))('%s', async (name) => {
    const spec = specs[name] as TrainSpec
    const engine = await prepare(spec)
    const start = engine.p.slice()
    engine.train()
    const gradient = engine.g.slice()
    const perRow = spec.loss === 'crossEntropy' ? engine.y.length / spec.batchSize : spec.outputs
    const scale = spec.batchSize * perRow
    const { model } = spec
    // only training drops values and normalizes by the batch
    const isOfTraining =
      (model.kind === 'transformer' && model.dropout > 0) ||
      (model.kind === 'cnn' && model.batchNorm === true)
    for (const { name: parameter, offset, size, isBuffer } of engine.parameters) {
      if (isBuffer) continue
      const slope = gradient.subarray(offset, offset + size)
      const length = Math.hypot(...slope)
      const lossAt: LossAt = (shift) => {
        engine.p.set(start)
        for (let i = 0; i < size; i += 1) {
          engine.p[offset + i] =
            (start[offset + i] as number) + (shift * (slope[i] as number)) / length
        }
        if (isOfTraining) {
          engine.setStep(0) // the same values are dropped again
          return engine.train()
        }
        return engine.forward().losses.reduce((sum, loss) => sum + loss, 0) / scale
      }
      const shift =
        { transformer: isOfTraining ? 1e-2 : 2e-3, cnn: isOfTraining ? 4e-3 : 2e-3 }[
          model.kind as 'cnn'
        ] ?? 2e-3
      const found = (lossAt(shift) - lossAt(-shift)) / (2 * shift)
      expect(length, parameter).toBeGreaterThan(1e-3)
      expect(
        Math.abs(found / length - 1),
        `${parameter}: ${found} instead of ${length}`,
      ).toBeLessThan(0.02)
    }
  })
})
