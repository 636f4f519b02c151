import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createReference, selfTest } from '#compute/backends/self-test.ts'
import { relativeMax } from '#compute/train/tolerance.ts'
import { selfTestSpecs } from '#compute/backends/self-test-specs.ts'
import { createTfBackend } from '#compute/backends/tfjs.ts'
import type { TensorFlow } from '#compute/backends/tfjs-types.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { linearSpec, llamaSpec, mlpSpec, readWasm } from '../fixtures.ts'

/** Where `npm run bench:compute` installs tfjs. */
const folder = fileURLToPath(
  new URL('../../../../node_modules/.cache/quern-bench/tfjs-wasm', import.meta.url),
)
const isInstalled = existsSync(join(folder, 'node_modules/@tensorflow/tfjs/package.json'))
const hint = '(skipped where tfjs is not installed: npm run bench:compute installs it)'
const msMax = 60_000

type Tf = TensorFlow & {
  setBackend(name: string): Promise<boolean>
  memory(): { readonly numTensors: number }
}

async function loadTf(): Promise<Tf> {
  const tf = createRequire(join(folder, 'package.json'))('@tensorflow/tfjs') as Tf
  await tf.setBackend('cpu')
  return tf
}

const momentum = { kind: 'sgd', learningRate: 0.05, momentum: 0.9 } as const
const normals = { kind: 'normal', gain: 2, fanIn: 6 } as const
/** A convolution of two groups with uneven sides, and a pooling whose windows overlap. */
const windows: TrainSpec = {
  ...(selfTestSpecs['images'] as TrainSpec),
  model: {
    kind: 'graph',
    nodes: [
      {
        operator: 'Conv',
        values: ['x'],
        parameters: ['w1'],
        output: 'a',
        attributes: { pad: [1, 0, 0, 1], stride: [2, 1], groups: 2 },
      },
      { operator: 'Relu', values: ['a'], parameters: [], output: 'b', attributes: {} },
      {
        operator: 'MaxPool',
        values: ['b'],
        parameters: [],
        output: 'c',
        attributes: { kh: 3, kw: 3, stride: 2, pad: 1 },
      },
      {
        operator: 'Reshape',
        values: ['c'],
        parameters: [],
        output: 'd',
        attributes: { shape: [32] },
      },
      { operator: 'Gemm', values: ['d'], parameters: ['w2'], output: 'y', attributes: {} },
    ],
    parameters: [
      { name: 'w1', shape: [4, 1, 3, 2], initial: normals },
      { name: 'w2', shape: [32, 4], initial: { ...normals, fanIn: 32 } },
    ],
  },
}
const specs: Readonly<Record<string, TrainSpec>> = {
  ...selfTestSpecs,
  windows,
  linear: linearSpec,
  momentum: { ...mlpSpec, inputShape: [9], optimizer: momentum },
  ternary: { ...mlpSpec, model: { kind: 'mlp', hidden: [12], ternary: true }, inputShape: [9] },
}

describe('createTfBackend', () => {
  test.skipIf(!isInstalled).each(Object.entries(specs))(
    `agrees with the exact engine on %s ${hint}`,
    async (name, spec) => {
      const tf = await loadTf()
      const reference = await createReference(name, spec, { wasm: await readWasm() })
      const before = tf.memory().numTensors
      const [found] = await selfTest(createTfBackend(tf, 'tfjs cpu'), [reference])
      expect(found?.relative).toBeLessThan(relativeMax)
      expect(tf.memory().numTensors).toBe(before)
    },
    msMax,
  )

  test.skipIf(!isInstalled)(
    `gives outputs and losses ${hint}`,
    async () => {
      const tf = await loadTf()
      const { first, batches, spec } = await createReference('mlp', mlpSpec, {
        wasm: await readWasm(),
        steps: 1,
      })
      const model = await createTfBackend(tf, 'tfjs cpu').open(spec)
      model.load(first)
      const [batch] = batches
      if (!batch) throw new Error('a reference has batches')
      const { logits, losses } = await model.forward(batch)
      expect(logits).toHaveLength(spec.batchSize * spec.outputs)
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
      expect(await model.train(batch)).toBeCloseTo(mean, 5)
      await model.close()
    },
    msMax,
  )

  test('names an operator that it lacks', async () => {
    const backend = createTfBackend({} as TensorFlow, 'tfjs')
    await expect(backend.open(llamaSpec)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      fields: { format: 'tfjs' },
    })
  })
})
