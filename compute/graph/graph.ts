/** A static tensor graph: shapes are known, nodes stand in the order in which they run. */
export type Shape = readonly number[]
export type ElementType = 'f32' | 'i32'

export interface Tensor {
  readonly shape: Shape
  readonly type: ElementType
}

/** The flat vectors of the training state that tensors can live in. */
export type Vector = 'p' | 'g' | 'm' | 'v'

export interface Home {
  readonly vector: Vector
  /** In elements. */
  readonly offset: number
}

export interface Value extends Tensor {
  readonly id: number
  /** Where the value lives when it is part of the state or of the gradients. */
  home?: Home
}

export type OperatorName =
  | 'AdamW'
  | 'Add'
  | 'AveragePool'
  | 'AveragePoolGradient'
  | 'BatchNormalization'
  | 'BatchNormalizationGainGradient'
  | 'BatchNormalizationGradient'
  | 'BatchStatistics'
  | 'CausalAttention'
  | 'CausalAttentionGradient'
  | 'Conv'
  | 'ConvInputGradient'
  | 'ConvWeightGradient'
  | 'Dropout'
  | 'EmbeddingBag'
  | 'EmbeddingBagGradient'
  | 'Gather'
  | 'GatherGradient'
  | 'Gelu'
  | 'GeluErf'
  | 'GeluErfGradient'
  | 'GeluGradient'
  | 'Gemm'
  | 'GlobalAveragePool'
  | 'GlobalAveragePoolGradient'
  | 'LayerNormalization'
  | 'LayerNormalizationGradient'
  | 'LayerNormalizationScaleGradient'
  | 'MaxPool'
  | 'MaxPoolGradient'
  | 'Mul'
  | 'Relu'
  | 'ReluGradient'
  | 'Reshape'
  | 'RmsNormalization'
  | 'RmsNormalizationGradient'
  | 'RmsNormalizationScaleGradient'
  | 'RotaryEmbedding'
  | 'RotaryTable'
  | 'RunningMean'
  | 'Sgd'
  | 'SgdMomentum'
  | 'Silu'
  | 'SiluGradient'
  | 'SoftmaxCrossEntropy'
  | 'SoftmaxCrossEntropyGradient'
  | 'SquaredError'
  | 'SquaredErrorGradient'
  | 'SumChannels'
  | 'SumRows'
  | 'Ternary'

export type Attributes = Readonly<Record<string, number | Shape>>

export interface Node {
  readonly operator: OperatorName
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly attributes: Attributes
}

export interface Graph {
  readonly nodes: readonly Node[]
  readonly values: readonly Value[]
  /** Values that are written before the graph runs. */
  readonly inputs: readonly Value[]
  /** Values that are read after it ran. */
  readonly outputs: readonly Value[]
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1)
}

/** Whether two shapes are the same. */
export function isSameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((side, i) => side === b[i])
}
