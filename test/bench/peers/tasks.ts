import { type TrainSpec, hasTokens } from '#wire/spec.ts'
import { knownSpecs } from '#test/unit/compute/known-answer.ts'

/** What is timed. A product is [side, side] x [side, side]; a gemv [1, side] x [side, side]. */
export type Task =
  | { readonly kind: 'training'; readonly name: string; readonly spec: TrainSpec }
  /** Greedy tokens, one after another, up to the whole context. */
  | { readonly kind: 'generation'; readonly name: string; readonly spec: TrainSpec }
  | { readonly kind: 'gemm'; readonly name: string; readonly side: number; readonly form: GemmForm }
  | {
      readonly kind: 'gemv'
      readonly name: string
      readonly side: number
      /** Weights of -1, 0 and 1 in this form, and integer activations; binary32 where there is none. */
      readonly ternary?: 'packed' | 'wide'
    }

/** Which factor is turned: N as it is, T transposed. */
export type GemmForm = 'NN' | 'NT' | 'TN'

const side = 512
const gemvSide = 1024

/** The models of the benchmark, and the products that they are made of. */
export const tasks: readonly Task[] = [
  { kind: 'training', name: 'mlp', spec: knownSpecs.mlp },
  { kind: 'training', name: 'cnn', spec: knownSpecs.cnn },
  { kind: 'training', name: 'gpt', spec: knownSpecs.gpt },
  { kind: 'generation', name: 'generate-1024', spec: { ...knownSpecs.gpt, inputShape: [1024] } },
  { kind: 'gemm', name: 'gemm-nn', side, form: 'NN' },
  { kind: 'gemm', name: 'gemm-nt', side, form: 'NT' },
  { kind: 'gemm', name: 'gemm-tn', side, form: 'TN' },
  { kind: 'gemv', name: 'gemv', side: gemvSide },
  { kind: 'gemv', name: 'ternary-gemv-packed', side: gemvSide, ternary: 'packed' },
  { kind: 'gemv', name: 'ternary-gemv-wide', side: gemvSide, ternary: 'wide' },
]

/** One matrix product. */
export type Product = Extract<Task, { kind: 'gemm' | 'gemv' }>

/** FLOPs of one run, where that is one product. */
export function flopsOfProduct(task: Task): number | undefined {
  if (task.kind === 'gemm') return 2 * task.side ** 3
  return task.kind === 'gemv' ? 2 * task.side ** 2 : undefined
}

/** Values from 0 to 1, the same in every engine. */
export function createValues(count: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => (Math.imul(i, 2_654_435_761) >>> 8) / 2 ** 24,
  )
}

/** One batch of a model, the same in every engine. */
export function createBatch(spec: TrainSpec) {
  const rows = spec.batchSize * (hasTokens(spec) ? (spec.inputShape[0] ?? 0) : 1)
  const y = Int32Array.from({ length: rows }, (_, i) => (i * 7) % spec.outputs)
  if (hasTokens(spec)) {
    return { x: Int32Array.from({ length: rows }, (_, i) => (i * 5) % spec.outputs), y }
  }
  const width = spec.inputShape.reduce((product, size) => product * size, 1)
  return { x: createValues(spec.batchSize * width), y }
}
