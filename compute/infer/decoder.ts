import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { limits } from '#wire/limits.ts'
import type { TrainSpec, TransformerSpec } from '#wire/spec.ts'
import { type Kernels, createMemory, instantiateKernels } from '../exact/kernels.ts'
import { floatBytes } from '../exact/lowering.ts'
import { alignUp } from '../exact/placement.ts'
import { checkDenormals } from '../exact/team.ts'
import type { Parameter } from '../graph/builder.ts'
import { parametersOf } from '../graph/training.ts'
import {
  type IntegerPlaces,
  multiplyIntegers,
  packTernary,
  placeIntegers,
} from './integer-linear.ts'

/** A transformer that reads one token after another and keeps the keys and values of those before. */
export interface Decoder {
  /** Tokens that it can hold. */
  readonly context: number
  readonly vocabulary: number
  /** Most tokens of one call of `extend`. */
  readonly rowsMax: number
  /** Tokens that it holds. */
  readonly length: number
  /**
   * Appends tokens. Logits behind each of them, [tokens, vocabulary], bit for bit those of the whole sequence's
   * forward graph; a view, valid until the next call. Throws TOKEN_INVALID.
   */
  extend(tokens: Int32Array): Float32Array
  /** Forgets the tokens. */
  reset(): void
  /** Throws DENORMALS_FLUSHED when this thread treats denormal numbers as zero. */
  checkDenormals(): void
}

const epsilon = 1e-5
const rowsMaxDefault = 64
const memoryBytesMax = 2_147_483_648

export interface DecoderOptions {
  /** Ternary layers add integers: 2-bit weights times 8-bit activations, whose rounding changes logits a little. */
  readonly isInteger?: boolean
}

/**
 * A decoder of a model's parameters (the flat vector p). Runs in Node and in browsers. Throws SPEC_INVALID for what is
 * no transformer, too large, or for integers not ternary; MEMORY_LIMIT.
 */
export async function createDecoder(
  spec: TrainSpec,
  parameters: Float32Array,
  wasm: Uint8Array<ArrayBuffer>,
  { isInteger = false }: DecoderOptions = {},
): Promise<Decoder> {
  const { model, outputs: vocabulary } = spec
  const [context = 0] = spec.inputShape
  if (model.kind !== 'transformer') {
    const reason = `a ${model.kind} model generates no tokens`
    throw new AppError({ code: 'SPEC_INVALID', reason })
  }
  if (isInteger && !model.ternary) {
    throw new AppError({ code: 'SPEC_INVALID', reason: 'integer inference needs ternary weights' })
  }
  const module = await WebAssembly.compile(wasm)
  const probe = instantiateKernels(module, createMemory(1))
  const rowsMax = Math.min(rowsMaxDefault, context)
  const sides = { model, vocabulary, context, rowsMax }
  const places = layOut(spec, sides, { kernels: probe, isInteger })
  const memory = createMemory(places.sizeBytes)
  const kernels = instantiateKernels(module, memory)
  new Float32Array(memory.buffer, places.parameters, parameters.length).set(parameters)
  if (model.ternary) quantize(kernels, spec, places)
  if (places.table !== 0) kernels.rotaryTable(places.table, context, model.width / model.heads, 0)
  const bench = { kernels, sides, places }
  const tokensAt = new Int32Array(memory.buffer, places.tokens, rowsMax)
  let length = 0
  return {
    context,
    vocabulary,
    rowsMax,
    get length() {
      return length
    },
    extend(tokens) {
      const rows = tokens.length
      assert(rows > 0 && rows <= rowsMax && length + rows <= context, 'the tokens fit')
      const wrong = tokens.find((token) => token < 0 || token >= vocabulary)
      if (wrong !== undefined)
        throw new AppError({ code: 'TOKEN_INVALID', token: wrong, vocabulary })
      tokensAt.set(tokens)
      readTokens(bench, { rows, first: length })
      length += rows
      return new Float32Array(memory.buffer, places.logits, rows * vocabulary)
    },
    reset() {
      length = 0
    },
    checkDenormals() {
      if (!checkDenormals(kernels)) throw new AppError({ code: 'DENORMALS_FLUSHED' })
    },
  }
}

interface Sides {
  readonly model: TransformerSpec
  readonly vocabulary: number
  readonly context: number
  readonly rowsMax: number
}

/** Addresses in memory; activations have `rowsMax` rows. */
interface Places {
  readonly parameters: number
  /** Address of a parameter; 0 where the model has none of that name. */
  readonly of: (name: string) => number
  readonly keys: (layer: number) => number
  readonly values: (layer: number) => number
  readonly table: number
  readonly tokens: number
  readonly h: number
  readonly x: number
  readonly q: number
  readonly wide: readonly [number, number]
  readonly logits: number
  readonly norms: number
  readonly scores: number
  readonly sums: number
  readonly scratch: number
  /** Of ternary layers that add integers. */
  readonly integer?: IntegerPlaces
  readonly sizeBytes: number
}

function layOut(
  spec: TrainSpec,
  sides: Sides,
  { kernels, isInteger }: { kernels: Kernels; isInteger: boolean },
): Places {
  const { model, vocabulary, context, rowsMax } = sides
  const { width, hidden, layers, heads } = model
  const layout = parametersOf(spec)
  const offsets = new Map(layout.map(({ name, offset }) => [name, offset]))
  const count = layout.reduce((sum, { size }) => sum + size, 0)
  let end = alignUp(1) // address 0 means none
  const take = (floats: number): number => {
    const start = end
    end += alignUp(floats * floatBytes)
    return start
  }
  const parameters = take(count)
  const cache = take(layers * 2 * context * width)
  const layerBytes = 2 * context * width * floatBytes
  const places = {
    parameters,
    of: (name: string) => {
      const offset = offsets.get(name)
      return offset === undefined ? 0 : parameters + offset * floatBytes
    },
    keys: (layer: number) => cache + layer * layerBytes,
    values: (layer: number) => cache + layer * layerBytes + layerBytes / 2,
    table: model.positions === 'rotary' ? take((context * 2 * width) / heads) : 0,
    tokens: take(rowsMax),
    h: take(rowsMax * width),
    x: take(rowsMax * width),
    q: take(rowsMax * width),
    wide: [take(rowsMax * Math.max(hidden, width)), take(rowsMax * hidden)] as const,
    logits: take(rowsMax * vocabulary),
    norms: take(2 * rowsMax),
    scores: take(context),
    sums: take(Math.max(width, hidden)),
    scratch: take(kernels.gemmScratchBytes() / floatBytes),
    ...(isInteger && { integer: placeIntegers(matricesOf(spec), kernels, take) }),
  }
  const { parametersMax } = limits
  if (count > parametersMax || end > memoryBytesMax) {
    throw new AppError({ code: 'MEMORY_LIMIT', parameterCount: count, sizeBytes: end })
  }
  return { ...places, sizeBytes: end }
}

/** The matrices of the blocks, which are ternary where a model is. */
function matricesOf(spec: TrainSpec): readonly Parameter[] {
  return parametersOf(spec).filter(
    ({ name, shape }) => shape.length === 2 && name.startsWith('block'),
  )
}

/** Puts -1, 0 and 1 times a scale in the place of the blocks' matrices, as `Ternary` does, or packs them. */
function quantize(kernels: Kernels, spec: TrainSpec, places: Places): void {
  for (const matrix of matricesOf(spec)) {
    const { name, shape, size } = matrix
    if (places.integer) {
      packTernary(kernels, places.integer, { ...matrix, from: places.of(name) })
      continue
    }
    const [rows = 0, columns = 0] = shape
    kernels.absoluteSums(places.of(name), columns, places.sums, 0, rows)
    const scale = kernels.ternaryScale(places.sums, rows, size)
    kernels.quantizeTernary(places.of(name), places.of(name), size, scale)
  }
}

interface Bench {
  readonly kernels: Kernels
  readonly sides: Sides
  readonly places: Places
}

/** Rows of a batch, the first at a place of the sequence. */
interface Run {
  readonly rows: number
  readonly first: number
}

/** Reads tokens: the forward graph of compute/graph/models/transformer.ts. */
function readTokens(bench: Bench, run: Run): void {
  const { kernels, sides, places } = bench
  const { width, layers } = sides.model
  const { h } = places
  const { rows, first } = run
  kernels.gather(places.of('embedding.weight'), places.tokens, rows, width, h)
  const positions = places.of('position.weight')
  if (positions !== 0) kernels.add(h, positions + first * width * floatBytes, h, rows * width)
  for (let layer = 0; layer < layers; layer += 1) {
    attend(bench, layer, run)
    feedForward(bench, `block${layer + 1}`, rows)
  }
  writeLogits(bench, rows)
}

type Product = { readonly from: number; readonly to: number; readonly shape: Shape }
type Shape = readonly [rows: number, k: number, n: number]

function linear({ kernels, places }: Bench, name: string, { from, to, shape }: Product): void {
  const [rows, k, n] = shape
  const packed = places.integer?.packed.get(`${name}.weight`)
  if (places.integer && packed) {
    multiplyIntegers(kernels, places.integer, { packed, from, to, shape })
    return
  }
  const weight = places.of(`${name}.weight`)
  if (rows === 1) kernels.gemv(from, k, weight, n, to, 0, n)
  else kernels.gemm(rows, n, k, from, k, 1, weight, n, 1, to, n, places.scratch)
  const bias = places.of(`${name}.bias`)
  if (bias !== 0) kernels.addBias(to, bias, rows, n)
}

type Norm = {
  readonly from: number
  readonly to: number
  readonly rows: number
  readonly width: number
}

function norm({ kernels, sides, places }: Bench, name: string, values: Norm): void {
  const { from, to, rows, width } = values
  const { norms } = places
  const { norm: kind } = sides.model
  const [gain, bias] = [places.of(`${name}.weight`), places.of(`${name}.bias`)]
  const scales = norms + sides.rowsMax * floatBytes
  const means = kind === 'layer' ? norms : 0
  kernels.normalize(from, gain, bias, rows, width, epsilon, to, means, scales)
}

function attend(bench: Bench, layer: number, { rows, first }: Run): void {
  const { kernels, sides, places } = bench
  const { width, heads, ternary } = sides.model
  const { h, x, q, table, scores } = places
  const [k] = places.wide
  const name = `block${layer + 1}`
  const [keys, values] = [places.keys(layer), places.values(layer)]
  const shape: Shape = [rows, width, width]
  const size = width / heads
  const scale = Math.fround(1 / kernels.sqrt1(size))
  const { context } = sides
  norm(bench, `${name}.attentionNorm`, { from: h, to: x, rows, width })
  linear(bench, `${name}.query`, { from: x, to: q, shape })
  linear(bench, `${name}.key`, { from: x, to: k, shape })
  if (table !== 0) {
    kernels.rotate(q, table, q, rows, first, context, heads, size, 0)
    kernels.rotate(k, table, k, rows, first, context, heads, size, 0)
  }
  kernels.cacheKeys(k, rows, width, keys, context, first)
  linear(bench, `${name}.value`, { from: x, to: values + first * width * floatBytes, shape })
  kernels.attendCached(q, keys, values, x, rows, first, heads, size, context, scale, scores)
  if (ternary) norm(bench, `${name}.attentionSubNorm`, { from: x, to: x, rows, width })
  linear(bench, `${name}.output`, { from: x, to: q, shape })
  kernels.add(q, h, h, rows * width)
}

function feedForward(bench: Bench, name: string, rows: number): void {
  const { kernels, sides, places } = bench
  const { width, hidden, feedForward: kind, ternary } = sides.model
  const { h, x, q } = places
  const [up, gate] = places.wide
  const shape: Shape = [rows, width, hidden]
  norm(bench, `${name}.feedForwardNorm`, { from: h, to: x, rows, width })
  linear(bench, `${name}.up`, { from: x, to: up, shape })
  if (kind === 'gelu') kernels.gelu(up, up, rows * hidden)
  else {
    linear(bench, `${name}.gate`, { from: x, to: gate, shape })
    kernels.silu(gate, gate, rows * hidden)
    kernels.multiply(gate, up, up, rows * hidden)
  }
  if (ternary) {
    norm(bench, `${name}.feedForwardSubNorm`, { from: up, to: up, rows, width: hidden })
  }
  linear(bench, `${name}.down`, { from: up, to: q, shape: [rows, hidden, width] })
  kernels.add(q, h, h, rows * width)
}

function writeLogits(bench: Bench, rows: number): void {
  const { kernels, sides, places } = bench
  const { h, x, logits, scratch } = places
  const { vocabulary, model } = sides
  const { width } = model
  norm(bench, 'finalNorm', { from: h, to: x, rows, width })
  const embedding = places.of('embedding.weight')
  if (!model.tied) {
    linear(bench, 'head', { from: x, to: logits, shape: [rows, width, vocabulary] })
  } else if (rows === 1) kernels.gemvTurned(x, width, embedding, logits, 0, vocabulary)
  else {
    const turned = [embedding, 1, width] as const
    kernels.gemm(rows, vocabulary, width, x, width, 1, ...turned, logits, vocabulary, scratch)
  }
}
