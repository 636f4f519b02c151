import { assert } from '#base/assert.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'
import type { DecodeKernels } from './signatures/decode.ts'
import type { TransformerKernels } from './signatures/transformer.ts'
import type { VisionKernels } from './signatures/vision.ts'

type Pointer = number

/** The compiled kernels (compute/exact/kernels/). Pointers are byte addresses in the engine's memory. */
export interface Kernels extends DecodeKernels, TransformerKernels, VisionKernels {
  /** Bytes for products of these sides; for any sides without them. */
  gemmScratchBytes(k?: number, n?: number): number
  gemm(
    ...args: [
      m: number,
      n: number,
      k: number,
      a: Pointer,
      aRowStride: number,
      aColumnStride: number,
      b: Pointer,
      bRowStride: number,
      bColumnStride: number,
      c: Pointer,
      cRowStride: number,
      scratch: Pointer,
    ]
  ): void
  gemmThen(
    ...args: [
      m: number,
      n: number,
      k: number,
      a: Pointer,
      aRowStride: number,
      aColumnStride: number,
      b: Pointer,
      bRowStride: number,
      bColumnStride: number,
      c: Pointer,
      cRowStride: number,
      scratch: Pointer,
      bias: Pointer,
      finish: number,
      other: Pointer,
    ]
  ): void
  convolveScratchBytes(
    ...args: [
      depth: number,
      h: number,
      w: number,
      rows: number,
      kh: number,
      kw: number,
      pad: number,
    ]
  ): number
  convolve(
    ...args: [
      x: Pointer,
      depth: number,
      h: number,
      w: number,
      weights: Pointer,
      rows: number,
      kh: number,
      kw: number,
      pad: number,
      isGradient: number,
      bias: Pointer,
      y: Pointer,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  convolveWeightsScratchBytes(
    ...args: [
      channels: number,
      h: number,
      w: number,
      outs: number,
      kh: number,
      kw: number,
      pad: number,
    ]
  ): number
  convolveWeights(
    ...args: [
      x: Pointer,
      channels: number,
      h: number,
      w: number,
      dy: Pointer,
      outs: number,
      kh: number,
      kw: number,
      pad: number,
      dw: Pointer,
      batch: number,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  add(a: Pointer, b: Pointer, y: Pointer, count: number): void
  addBias(y: Pointer, bias: Pointer, rows: number, columns: number): void
  relu(x: Pointer, y: Pointer, count: number): void
  reluGradient(y: Pointer, dy: Pointer, dx: Pointer, count: number): void
  sumRows(
    ...args: [x: Pointer, rows: number, columns: number, sums: Pointer, from: number, to: number]
  ): void
  sumChannels(
    ...args: [
      x: Pointer,
      batch: number,
      channels: number,
      area: number,
      sums: Pointer,
      from: number,
      to: number,
    ]
  ): void
  meanOf(x: Pointer, count: number, divisor: number, mean: Pointer): void
  allFinite(x: Pointer, count: number): number
  maxPool2(x: Pointer, y: Pointer, planes: number, h: number, w: number): void
  maxPool2Gradient(
    ...args: [
      x: Pointer,
      y: Pointer,
      dy: Pointer,
      dx: Pointer,
      planes: number,
      h: number,
      w: number,
    ]
  ): void
  softmaxCrossEntropy(
    ...args: [
      logits: Pointer,
      labels: Pointer,
      rows: number,
      classes: number,
      losses: Pointer,
      probabilities: Pointer,
    ]
  ): void
  softmaxCrossEntropyGradient(
    ...args: [
      probabilities: Pointer,
      labels: Pointer,
      rows: number,
      classes: number,
      divisor: number,
      gradient: Pointer,
    ]
  ): void
  squaredError(y: Pointer, t: Pointer, rows: number, columns: number, losses: Pointer): void
  squaredErrorGradient(
    ...args: [y: Pointer, t: Pointer, count: number, divisor: number, gradient: Pointer]
  ): void
  adamw(
    ...args: [
      p: Pointer,
      g: Pointer,
      m: Pointer,
      v: Pointer,
      count: number,
      rates: Pointer,
      keep: number,
    ]
  ): number
  sgdMomentum(p: Pointer, g: Pointer, m: Pointer, count: number, rates: Pointer): number
  sgd(p: Pointer, g: Pointer, count: number, rate: number): number
  mean(u: Pointer, updates: number, count: number, to: Pointer): void
  median(u: Pointer, updates: number, count: number, to: Pointer, sorting: Pointer): void
  distance(u: Pointer, v: Pointer, count: number): number
  clipStep(u: Pointer, updates: number, count: number, scales: Pointer, v: Pointer): void
  absoluteSums(w: Pointer, columns: number, sums: Pointer, from: number, to: number): void
  ternaryScale(sums: Pointer, rows: number, divisor: number): number
  quantizeTernary(w: Pointer, q: Pointer, count: number, scale: number): void
  gemv(
    ...args: [
      x: Pointer,
      depth: number,
      w: Pointer,
      columns: number,
      y: Pointer,
      from: number,
      to: number,
    ]
  ): void
  gemvTurned(
    ...args: [x: Pointer, depth: number, w: Pointer, y: Pointer, from: number, to: number]
  ): void
  quantizeActivations(x: Pointer, depth: number, q: Pointer): number
  packedTernaryBytes(depth: number, columns: number): number
  packTernary(
    ...args: [w: Pointer, depth: number, columns: number, scale: number, packed: Pointer]
  ): void
  ternaryFactorsBytes(depth: number): number
  ternaryFactors(q: Pointer, depth: number, factors: Pointer): void
  ternarySums(
    ...args: [
      packed: Pointer,
      factors: Pointer,
      depth: number,
      sums: Pointer,
      fromBlock: number,
      toBlock: number,
    ]
  ): void
  wideTernaryBytes(depth: number, columns: number): number
  widenTernary(
    ...args: [w: Pointer, depth: number, columns: number, scale: number, wide: Pointer]
  ): void
  ternarySumsWide(
    ...args: [
      wide: Pointer,
      q: Pointer,
      depth: number,
      sums: Pointer,
      fromBlock: number,
      toBlock: number,
    ]
  ): void
  scaleSums(
    ...args: [sums: Pointer, factor: number, bias: Pointer, y: Pointer, count: number]
  ): void
  words(to: Pointer, first: number, blocks: number, key: Pointer): void
  normals(to: Pointer, count: number, key: Pointer, deviation: number): void
  fold(x: Pointer, count: number, to: Pointer): void
  exp1(x: number): number
  log1(x: number): number
  sqrt1(x: number): number
  keepsDenormals(a: number, b: number): number
}

const pageBytes = 65_536
const memoryBytesCeiling = 4_294_967_296 - pageBytes

/** A memory of this many bytes, shared so that threads can work in it. It never grows. */
export function createMemory(sizeBytes: number): WebAssembly.Memory {
  assert(sizeBytes <= memoryBytesCeiling, 'a WebAssembly memory has less than 4 GiB')
  const pages = Math.max(1, Math.ceil(sizeBytes / pageBytes))
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
}

const compiled = new WeakMap<Uint8Array, Promise<WebAssembly.Module>>()

/** The module of these bytes, compiled once: they do not change. */
export function compileKernels(wasm: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  const known = compiled.get(wasm) ?? WebAssembly.compile(wasm)
  compiled.set(wasm, known)
  return known
}

/** The kernels working in a memory. Every thread has an instance of its own over the same memory. */
export function instantiateKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels
}

/** Names the arithmetic of an engine: SHA-256 of its compiled kernels. Jobs state it. */
export function engineIdOf(wasm: Uint8Array): Hex {
  return toHex(sha256(wasm))
}
