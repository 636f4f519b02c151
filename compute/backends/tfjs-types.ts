/** The part of tfjs that the backend uses. The package is never a dependency. */
export interface TfTensor {
  readonly shape: number[]
  data(): Promise<Float32Array>
  dispose(): void
}

/** A value that an optimizer may change. */
export interface TfVariable extends TfTensor {
  readonly name: string
  assign(value: TfTensor): void
}

type Shape = readonly number[]

/** Places before and behind, for each of the four sides. */
type ExplicitPads = readonly (readonly [number, number])[]

export interface TensorFlow {
  ready(): Promise<void>
  tidy<Result>(body: () => Result): Result
  tensor(values: Float32Array | Int32Array, shape: Shape, type: 'float32' | 'int32'): TfTensor
  variable(value: TfTensor): TfVariable
  scalar(value: number): TfTensor
  variableGrads(
    loss: () => TfTensor,
    variables: TfVariable[],
  ): { value: TfTensor; grads: Record<string, TfTensor> }
  customGrad(
    body: (x: TfTensor) => { value: TfTensor; gradFunc: (dy: TfTensor) => TfTensor },
  ): (x: TfTensor) => TfTensor
  add(a: TfTensor, b: TfTensor): TfTensor
  sub(a: TfTensor, b: TfTensor): TfTensor
  mul(a: TfTensor, b: TfTensor): TfTensor
  div(a: TfTensor, b: TfTensor): TfTensor
  abs(x: TfTensor): TfTensor
  sign(x: TfTensor): TfTensor
  sqrt(x: TfTensor): TfTensor
  square(x: TfTensor): TfTensor
  sigmoid(x: TfTensor): TfTensor
  relu(x: TfTensor): TfTensor
  neg(x: TfTensor): TfTensor
  greater(a: TfTensor, b: TfTensor): TfTensor
  cast(x: TfTensor, type: 'float32'): TfTensor
  mean(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor
  sum(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor
  softmax(x: TfTensor): TfTensor
  logSoftmax(x: TfTensor): TfTensor
  oneHot(indices: TfTensor, depth: number): TfTensor
  gather(x: TfTensor, indices: TfTensor, axis?: number): TfTensor
  reshape(x: TfTensor, shape: Shape): TfTensor
  transpose(x: TfTensor, perm: Shape): TfTensor
  matMul(a: TfTensor, b: TfTensor, turnA?: boolean, turnB?: boolean): TfTensor
  slice(x: TfTensor, begin: Shape, size: Shape): TfTensor
  concat(parts: readonly TfTensor[], axis: number): TfTensor
  conv2d(
    x: TfTensor,
    filter: TfTensor,
    stride: readonly [number, number],
    pads: ExplicitPads,
  ): TfTensor
  maxPool(
    x: TfTensor,
    size: readonly [number, number],
    stride: readonly [number, number],
    pads: ExplicitPads,
  ): TfTensor
}
