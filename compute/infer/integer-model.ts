import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { type Kernels, createMemory, instantiateKernels } from '../exact/kernels.ts'
import type { Parameter } from '../graph/builder.ts'
import { parametersOf } from '../graph/training.ts'

/**
 * `packed`: 2 bits a weight, a sixteenth of binary32. `wide`: 8 bits a weight, about a quarter faster where they fit
 * into the processor's caches. Both give the same bits.
 */
export type TernaryForm = 'packed' | 'wide'

/** A ternary model whose hidden layers add integers: ternary weights times activations of 8 bits. */
export interface IntegerModel {
  /** Outputs [rows, outputs] of x [rows, features], row by row. Throws NON_FINITE where x is not finite. */
  predict(x: Float32Array): Float32Array
  /** Bytes of the ternary weights in their form. */
  readonly ternaryBytes: number
}

export interface IntegerModelOptions {
  readonly form?: TernaryForm
}

interface Layer {
  readonly depth: number
  readonly width: number
  readonly weights: number
  readonly bias: number
  /** Mean of the absolute weights; undefined in the last layer, whose weights are binary32. */
  readonly scale?: number
}

interface Machine {
  readonly kernels: Kernels
  readonly memory: WebAssembly.Memory
  /** Takes bytes of the memory and returns their address. */
  readonly take: (sizeBytes: number) => number
}

const alignment = 64
const floatBytes = 4
const columnBlock = 64

/**
 * Makes a trained `mlp` with `ternary` ready for integer inference (SPEC.md, "Integer inference"): every hidden layer
 * quantizes its input row to 8 bits. `parameters` is the flat vector p. Throws SPEC_INVALID for another model.
 */
export async function createIntegerModel(
  spec: TrainSpec,
  { parameters, wasm }: { parameters: Float32Array; wasm: Uint8Array<ArrayBuffer> },
  { form = 'packed' }: IntegerModelOptions = {},
): Promise<IntegerModel> {
  if (spec.model.kind !== 'mlp' || spec.model.ternary !== true) {
    throw new AppError({ code: 'SPEC_INVALID', reason: 'integer inference needs a ternary mlp' })
  }
  const layout = parametersOf(spec)
  const sideMax = Math.max(...layout.flatMap(({ shape }) => shape))
  const machine = createMachine(await WebAssembly.compile(wasm), sizeBytesOf(layout, sideMax))
  const { memory, take } = machine
  const floatsAt = (start: number, count: number) => new Float32Array(memory.buffer, start, count)
  const places = {
    rows: [take(sideMax * floatBytes), take(sideMax * floatBytes)] as const,
    integers: take((sideMax + 4) * floatBytes),
    factors: take(machine.kernels.ternaryFactorsBytes(sideMax)),
    sums: take((sideMax + columnBlock) * floatBytes),
    weights: take(Math.max(...layout.map(({ size }) => size)) * floatBytes),
  }
  let ternaryBytes = 0
  const layers: Layer[] = []
  for (let i = 0; i < layout.length; i += 2) {
    const [weight, bias] = layout.slice(i, i + 2).map(({ offset, size }) => {
      return parameters.subarray(offset, offset + size)
    }) as [Float32Array, Float32Array]
    const { shape } = layout[i] as Parameter
    const [depth, width] = shape as [number, number]
    const layer = { depth, width, bias: take(bias.byteLength) }
    floatsAt(layer.bias, bias.length).set(bias)
    if (i + 2 < layout.length) {
      floatsAt(places.weights, weight.length).set(weight)
      const before = take(0)
      layers.push({ ...layer, ...encodeWeights(machine, { ...layer, ...places, form }) })
      ternaryBytes += take(0) - before
    } else {
      const weights = take(weight.byteLength)
      floatsAt(weights, weight.length).set(weight)
      layers.push({ ...layer, weights })
    }
  }
  const [first] = layers
  assert(first, 'a model has layers')
  return {
    ternaryBytes,
    predict(x) {
      const rows = x.length / first.depth
      assert(Number.isInteger(rows), 'x holds whole rows')
      const outputs = new Float32Array(rows * spec.outputs)
      for (let row = 0; row < rows; row += 1) {
        floatsAt(places.rows[0], first.depth).set(
          x.subarray(row * first.depth, (row + 1) * first.depth),
        )
        if (machine.kernels.allFinite(places.rows[0], first.depth) === 0) {
          throw new AppError({ code: 'NON_FINITE', row })
        }
        const y = runRow(machine.kernels, layers, { ...places, form })
        outputs.set(floatsAt(y, spec.outputs), row * spec.outputs)
      }
      return outputs
    },
  }
}

/** An upper bound of what the layers, their forms and one row take. */
function sizeBytesOf(layout: readonly Parameter[], sideMax: number): number {
  const weights = layout.map(({ shape: [depth = 0, width = 0], size }) => {
    return Math.max(size * floatBytes, (depth + 4) * (width + columnBlock)) + alignment
  })
  const [most, sum] = [Math.max(...weights), weights.reduce((a, b) => a + b, 0)]
  return sum + most + (sideMax + columnBlock) * 32 + 8 * alignment
}

function createMachine(module: WebAssembly.Module, sizeBytes: number): Machine {
  const memory = createMemory(sizeBytes)
  let end = alignment
  return {
    memory,
    kernels: instantiateKernels(module, memory),
    take(bytes) {
      const start = end
      end += Math.ceil(bytes / alignment) * alignment
      assert(end <= memory.buffer.byteLength, 'the memory holds the model')
      return start
    },
  }
}

interface Encoding {
  readonly depth: number
  readonly width: number
  readonly form: TernaryForm
  /** Where the binary32 weights stand. */
  readonly weights: number
  readonly sums: number
}

function encodeWeights({ kernels, take }: Machine, options: Encoding) {
  const { depth, width, form, weights, sums } = options
  kernels.absoluteSums(weights, width, sums, 0, depth)
  const scale = kernels.ternaryScale(sums, depth, depth * width)
  if (form === 'wide') {
    const to = take(kernels.wideTernaryBytes(depth, width))
    kernels.widenTernary(weights, depth, width, scale, to)
    return { weights: to, scale }
  }
  const to = take(kernels.packedTernaryBytes(depth, width))
  kernels.packTernary(weights, depth, width, scale, to)
  return { weights: to, scale }
}

interface Places {
  readonly form: TernaryForm
  /** Where a layer's input and output stand, in turns. */
  readonly rows: readonly [number, number]
  readonly integers: number
  readonly factors: number
  readonly sums: number
}

/** Runs the row in the first place through the layers and returns the address of the outputs. */
function runRow(kernels: Kernels, layers: readonly Layer[], places: Places): number {
  const { form, integers, factors, sums } = places
  let [x, y] = places.rows
  for (const { depth, width, weights, bias, scale } of layers) {
    if (scale === undefined) {
      kernels.gemv(x, depth, weights, width, y, 0, width)
      kernels.add(y, bias, y, width)
    } else {
      const unit = kernels.quantizeActivations(x, depth, integers)
      if (form === 'wide') {
        kernels.ternarySumsWide(weights, integers, depth, sums, 0, Math.ceil(width / 64))
      } else {
        kernels.ternaryFactors(integers, depth, factors)
        kernels.ternarySums(weights, factors, depth, sums, 0, Math.ceil(width / 16))
      }
      kernels.scaleSums(sums, Math.fround(unit * scale), bias, y, width)
      kernels.relu(y, y, width)
    }
    ;[x, y] = [y, x]
  }
  return x
}
