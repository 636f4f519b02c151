import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { type Shape, isSameShape, sizeOf } from '../graph/graph.ts'

/** The output of a layer that is written. */
export interface Written {
  readonly layer: string
  /** Of a row, as we have it: [features], or [channels, height, width]. */
  readonly shape: Shape
  /** Whether tfjs has a vector where we have an image of one place. */
  readonly isVector?: boolean
  /** The image [c, h, w] that it was flattened from, where channels last gives its features another order. */
  readonly turned?: Shape
}

export interface LayerWeight {
  /** What tfjs calls it, such as kernel. */
  readonly part: string
  readonly shape: Shape
  readonly values: Float32Array
}

export interface LayerOptions {
  readonly name?: string
  readonly weights?: readonly LayerWeight[]
  /** Of the output; that of the first input where it is absent. */
  readonly shape?: Shape
}

export interface LayerWriter {
  readonly input: (name: string, shape: Shape) => Written
  readonly add: (
    kind: string,
    inputs: readonly Written[],
    config: Readonly<Record<string, unknown>>,
    options?: LayerOptions,
  ) => Written
  /** The value as a vector. */
  readonly flatten: (x: Written) => Written
  /** The value as an image in tfjs too. */
  readonly image: (x: Written) => Written
  readonly finish: () => {
    readonly layers: readonly object[]
    readonly weights: readonly object[]
    readonly bytes: Uint8Array
  }
}

/** Says that tfjs has no layer for an operator. */
export function unwritable(operator: string, instead: string): AppError {
  const message = `${operator} has no layer in tfjs; use ${instead} instead`
  return new AppError({ code: 'UNSUPPORTED', operator, format: 'tfjs', instead, message })
}

/** An image's sides with the channels last. */
export function channelsLast([channels = 1, height = 1, width = 1]: Shape): number[] {
  return [height, width, channels]
}

/** Whether flattening an image keeps the order of its values in both layouts. */
function isSameOrder([channels = 1, height = 1, width = 1]: Shape): boolean {
  return channels === 1 || height * width === 1
}

/** A model without layers. */
export function createLayerWriter(): LayerWriter {
  const layers: object[] = []
  const weights: { name: string; shape: Shape; dtype: string; values: Float32Array }[] = []
  const names = new Set<string>()

  function nameFor(wanted: string): string {
    const plain = wanted.replaceAll(/[^\w-]+/g, '_').replace(/^[^A-Za-z]+/, '') || 'layer'
    let name = plain
    for (let n = 1; names.has(name); n += 1) name = `${plain}_${n}`
    names.add(name)
    return name
  }

  const writer: LayerWriter = {
    input(wanted, shape) {
      const name = nameFor(wanted)
      const sides = shape.length === 1 ? shape : channelsLast(shape)
      const batch_input_shape = [null, ...sides]
      const config = { name, batch_input_shape, dtype: 'float32', sparse: false, ragged: false }
      layers.push({ class_name: 'InputLayer', name, config, inbound_nodes: [] })
      return { layer: name, shape }
    },
    add(kind, inputs, config, options = {}) {
      const [first] = inputs
      assert(first, 'a layer has an input')
      const name = nameFor(options.name ?? kind.toLowerCase())
      const inbound = inputs.map(({ layer }) => [layer, 0, 0, {}])
      layers.push({
        class_name: kind,
        name,
        config: { name, trainable: true, dtype: 'float32', ...config },
        inbound_nodes: [inbound],
      })
      for (const { part, shape, values } of options.weights ?? []) {
        weights.push({ name: `${name}/${part}`, shape, dtype: 'float32', values })
      }
      return { ...first, layer: name, shape: options.shape ?? first.shape }
    },
    flatten(x) {
      const shape = [sizeOf(x.shape)]
      if (x.isVector || x.shape.length === 1) return { ...x, shape, isVector: false }
      const flat = writer.add('Flatten', [x], {}, { shape })
      const turned = x.turned ?? (isSameOrder(x.shape) ? undefined : x.shape)
      return { ...flat, ...(turned && { turned }) }
    },
    image(x) {
      if (!x.isVector) return x
      const y = writer.add('Reshape', [x], { target_shape: channelsLast(x.shape) })
      return { ...y, isVector: false }
    },
    finish: () => ({
      layers,
      weights: weights.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
      bytes: bytesOf(weights.map(({ values }) => values)),
    }),
  }
  return writer
}

function bytesOf(parts: readonly Float32Array[]): Uint8Array {
  const count = parts.reduce((sum, { length }) => sum + length, 0)
  const view = new DataView(new ArrayBuffer(4 * count))
  let at = 0
  for (const values of parts) {
    for (const value of values) {
      view.setFloat32(at, value, true)
      at += 4
    }
  }
  return new Uint8Array(view.buffer)
}

/** A vector as an image, or in another order: what a Reshape of ours becomes. */
export function reshapedLayer(writer: LayerWriter, x: Written, shape: Shape): Written {
  if (isSameShape(x.shape, shape)) return x
  if (shape.length === 1) return writer.flatten(x)
  const isVector = x.shape.length === 1
  const isRestored = x.turned !== undefined && isSameShape(x.turned, shape)
  const isOnePlace = shape.length === 3 && shape[1] === 1 && shape[2] === 1
  const isPlain = x.turned === undefined && shape.length === 3 && shape[0] === 1
  if (!isVector || !(isRestored || isOnePlace || isPlain)) {
    throw unwritable('Reshape', 'graph.onnx')
  }
  const y = writer.add('Reshape', [x], { target_shape: channelsLast(shape) }, { shape })
  return isRestored ? { ...y, turned: undefined } : y
}

/** Rows of weights, one for each feature of a vector of ours, in the order that tfjs gives the features. */
export function turnedRows({ turned }: Written, values: Float32Array): Float32Array {
  if (!turned) return values
  const [channels = 0, height = 0, width = 0] = turned
  const area = height * width
  const rowLength = values.length / (channels * area)
  const result = new Float32Array(values.length)
  for (let channel = 0; channel < channels; channel += 1) {
    for (let place = 0; place < area; place += 1) {
      const from = (channel * area + place) * rowLength
      const to = (place * channels + channel) * rowLength
      result.set(values.subarray(from, from + rowLength), to)
    }
  }
  return result
}
