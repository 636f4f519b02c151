/** The part of tfjs that the benchmark uses: it is installed by the benchmark alone. */
export interface TfTensor {
  readonly shape: number[]
  dataSync(): ArrayLike<number>
  dispose(): void
}

type Shape = readonly number[]
type Gradients = (dy: TfTensor, saved: TfTensor[]) => TfTensor | TfTensor[]
type Custom = (...given: (TfTensor | ((tensors: TfTensor[]) => void))[]) => {
  value: TfTensor
  gradFunc: Gradients
}

export interface TensorFlow {
  readonly version_core: string
  readonly train: {
    adam(learningRate: number, beta1: number, beta2: number, epsilon: number): TfOptimizer
  }
  setBackend(name: string): Promise<boolean>
  ready(): Promise<void>
  tensor(values: Float32Array | Int32Array, shape: Shape, type?: 'int32'): TfTensor
  variable(value: TfTensor): TfTensor
  scalar(value: number): TfTensor
  customGrad(body: Custom): (...inputs: TfTensor[]) => TfTensor
  tidy<Result>(body: () => Result): Result
  matMul(a: TfTensor, b: TfTensor, turnA?: boolean, turnB?: boolean): TfTensor
  add(a: TfTensor, b: TfTensor): TfTensor
  sub(a: TfTensor, b: TfTensor): TfTensor
  mul(a: TfTensor, b: TfTensor | number): TfTensor
  div(a: TfTensor, b: TfTensor | number): TfTensor
  sqrt(x: TfTensor): TfTensor
  square(x: TfTensor): TfTensor
  tanh(x: TfTensor): TfTensor
  relu(x: TfTensor): TfTensor
  log(x: TfTensor): TfTensor
  exp(x: TfTensor): TfTensor
  neg(x: TfTensor): TfTensor
  max(x: TfTensor, axis: number, keepDims: boolean): TfTensor
  mean(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor
  sum(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor
  softmax(x: TfTensor): TfTensor
  gather(table: TfTensor, indices: TfTensor): TfTensor
  oneHot(indices: TfTensor, depth: number): TfTensor
  cast(x: TfTensor, type: 'float32'): TfTensor
  reshape(x: TfTensor, shape: Shape): TfTensor
  transpose(x: TfTensor, perm?: Shape): TfTensor
  conv2d(x: TfTensor, filter: TfTensor, stride: number, pad: 'same' | number): TfTensor
  conv2dTranspose(
    x: TfTensor,
    filter: TfTensor,
    shape: Shape,
    stride: number,
    pad: 'same',
  ): TfTensor
  maxPool(x: TfTensor, size: number, stride: number, pad: 'valid'): TfTensor
}

interface TfOptimizer {
  minimize(loss: () => TfTensor, returnCost: boolean): TfTensor | null
  dispose(): void
}

export type Start = 'values' | 'ones' | 'zeros'
export type Variable = (shape: readonly number[], start?: Start) => TfTensor

export interface Course {
  readonly tf: TensorFlow
  /** A variable of this shape, the next one in the order of creation; made when it is first asked for. */
  readonly variable: Variable
}
