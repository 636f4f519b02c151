import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where `npm run bench:compute` installs tfjs. */
const folder = fileURLToPath(
  new URL('../../../node_modules/.cache/quern-bench/tfjs-wasm', import.meta.url),
)
const isInstalled = existsSync(join(folder, 'node_modules/@tensorflow/tfjs/package.json'))

/** Why tests that need tfjs are skipped. */
export const tfjsMissing = 'tfjs is not installed: npm run bench:compute installs it'

interface TfArray {
  readonly shape: readonly number[]
  dataSync(): Float32Array
}

export interface Artifacts {
  readonly modelTopology: object
  readonly weightSpecs: readonly object[]
  readonly weightData: ArrayBuffer
}

interface LayersModel {
  predict(x: TfArray): TfArray
}

/** The part of tfjs's layers that the tests use. */
export interface TfLayers {
  setBackend(name: string): Promise<boolean>
  tensor(values: Float32Array, shape: readonly number[]): TfArray
  loadLayersModel(handler: { load(): Promise<Artifacts> }): Promise<LayersModel>
}

/** tfjs on its plain backend; undefined where it is not installed. */
export async function loadTfLayers(): Promise<TfLayers | undefined> {
  if (!isInstalled) return undefined
  const tf = createRequire(join(folder, 'package.json'))('@tensorflow/tfjs') as TfLayers
  await tf.setBackend('cpu')
  return tf
}

/** Rows of images [channels, height, width] with the channels last. */
export function channelsLast(x: Float32Array, shape: readonly number[]): Float32Array {
  const [channels = 1, height = 1, width = 1] = shape
  if (shape.length === 1) return x
  const area = height * width
  return x.map((_, i) => {
    const [channel, place] = [i % channels, Math.floor(i / channels) % area]
    const row = Math.floor(i / (channels * area))
    return x[(row * channels + channel) * area + place] as number
  })
}
