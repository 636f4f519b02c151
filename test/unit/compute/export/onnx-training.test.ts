import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { createOnnxBackend } from '#compute/backends/onnxruntime.ts'
import { relativeChange, relativeMax } from '#compute/train/tolerance.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { encodeTraining } from '#compute/export/onnx-training.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { type Fixture, fixtures } from '../import/fixtures.ts'
import { specOf } from '../import/imported.ts'
import {
  bagSpec,
  cnnSpec,
  gptSpec,
  linearSpec,
  llamaSpec,
  mlpSpec,
  readWasm,
  rowsOf,
  seed,
} from '../fixtures.ts'

const steps = 12

const backend = createOnnxBackend({
  name: 'onnxruntime-web',
  runtime: { InferenceSession, Tensor },
  provider: 'wasm',
})

beforeAll(() => {
  env.wasm.numThreads = 1
})

const cases: readonly (readonly [string, TrainSpec])[] = [
  ['an mlp', mlpSpec],
  ['an mlp without weight decay', withDecay(mlpSpec, 0)],
  ['an odd cnn', { ...cnnSpec, inputShape: [2, 13, 15], batchSize: 5 }],
  ['a cnn', cnnSpec],
  ['a linear model under sgd', linearSpec],
  ['a bag of embeddings', bagSpec],
  [
    'a cnn with batch norm and averages',
    {
      ...cnnSpec,
      inputShape: [2, 13, 15],
      model: {
        kind: 'cnn',
        channels: [6, 12],
        dense: [24],
        batchNorm: true,
        pooling: 'average',
        head: 'globalAverage',
      },
    },
  ],
  [
    'an mlp under sgd with momentum, warmed up, on a cosine',
    {
      ...mlpSpec,
      optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9 },
      schedule: 'cosine',
      warmupSteps: 5,
    },
  ],
  ['poolings that overlap, and a stride', specOfFile(6)],
  ['windows of every kind', specOfFile(8)],
  ['a transformer as GPT-2', gptSpec],
  ['a transformer as llama', llamaSpec],
  ['a transformer that drops values', withDropout(gptSpec, 0.3)],
]

function specOfFile(index: number): TrainSpec {
  return specOf(importOnnx((fixtures[index] as Fixture).bytes, 'model.onnx'))
}

function withDecay(spec: TrainSpec, weightDecay: number): TrainSpec {
  const { optimizer } = spec
  return optimizer.kind === 'adamw' ? { ...spec, optimizer: { ...optimizer, weightDecay } } : spec
}

function withDropout(spec: TrainSpec, dropout: number): TrainSpec {
  const { model } = spec
  return model.kind === 'transformer' ? { ...spec, model: { ...model, dropout } } : spec
}

async function start(spec: TrainSpec) {
  const engine = await createEngine(spec, await readWasm())
  engine.initialize(seed)
  engine.setNoise(seed)
  const { x, y } = rowsOf(spec, spec.batchSize)
  engine.x.set(x)
  engine.y.set(y)
  const model = await backend.open(spec)
  model.setNoise(seed)
  model.load({ p: engine.p, m: engine.m, v: engine.v, step: 0 })
  return { engine, model, batch: { x, y } }
}

describe('encodeTraining', () => {
  test.each(cases)('gives onnxruntime the training steps of %s', async (_name, spec) => {
    const { engine, model, batch } = await start(spec)
    const first = engine.p.slice()
    for (let step = 0; step < steps; step++) {
      expect(await model.train(batch)).toBeCloseTo(engine.train(), 4)
    }
    const { p, m, v, step } = await model.state()
    expect(step).toBe(steps)
    expect(relativeChange(p, engine.p, first)).toBeLessThan(relativeMax)
    for (const [found, exact] of [
      [m, engine.m],
      [v, engine.v],
    ] as const) {
      expect(found).toHaveLength(exact.length)
      if (exact.length === 0) continue
      expect(relativeChange(found, exact, new Float32Array(exact.length))).toBeLessThan(relativeMax)
    }
    await Promise.all([model.close(), engine.close()])
  })

  test.each(cases)('gives onnxruntime the forward graph of %s', async (_name, spec) => {
    const { engine, model, batch } = await start(spec)
    const exact = engine.forward()
    const found = await model.forward(batch)
    for (const name of ['logits', 'losses'] as const) {
      const zeros = new Float32Array(exact[name].length)
      expect(relativeChange(found[name], exact[name], zeros)).toBeLessThan(relativeMax)
    }
    await Promise.all([model.close(), engine.close()])
  })

  test('gives equal bytes for equal specs', () => {
    expect(encodeTraining(mlpSpec).bytes).toEqual(encodeTraining(mlpSpec).bytes)
  })
})
