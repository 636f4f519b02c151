import { type Node, type OperatorName, sizeOf } from '../graph/graph.ts'
import { integer, real } from '../graph/operator.ts'
import { imageTasks } from './image-tasks.ts'
import { bitsOf, elementwise } from './task.ts'
import type { Tasks, TensorTask } from './task.ts'
import { tokenTasks } from './token-tasks.ts'

/** Sides of a matrix: [rows, columns]. */
function matrix(node: Node, index: number): [number, number] {
  const [rows = 0, columns = 0] = node.inputs[index]?.shape ?? []
  return [rows, columns]
}

const sizeOfOutput = ({ outputs }: Node) => sizeOf(outputs[0]?.shape ?? [])

const gemm: Tasks = (node) => {
  const { inputs, attributes } = node
  const [rowsA, columnsA] = matrix(node, 0)
  const [, columnsB] = matrix(node, 1)
  const isTurnedA = integer(attributes, 'transposeA') === 1
  const isTurnedB = integer(attributes, 'transposeB') === 1
  const a = isTurnedA ? [1, columnsA] : [columnsA, 1]
  const b = isTurnedB ? [1, columnsB] : [columnsB, 1]
  const depth = isTurnedA ? rowsA : columnsA
  const columns = node.outputs[0]?.shape[1] ?? 0
  const hasBias = inputs.length > 2 ? 1 : 0
  return [
    { kind: 0, of: node.outputs[0], sides: [columns, depth, ...a, ...b, hasBias], reads: inputs },
  ]
}

const ternary: Tasks = ({ inputs: [w], outputs: [q, sums] }) => {
  const [rows = 0, columns = 0] = w?.shape ?? []
  return [
    { kind: 10, of: sums, sides: [columns], reads: [w] },
    { kind: 11, of: q, sides: [rows, columns], reads: [w, sums] },
  ]
}

const softmaxCrossEntropy: Tasks = (node) => {
  const [loss, losses, probabilities] = node.outputs
  const [rows, classes] = matrix(node, 0)
  return [
    { kind: 12, of: probabilities, sides: [classes], reads: node.inputs },
    { kind: 13, of: losses, sides: [classes], reads: node.inputs },
    { kind: 17, of: loss, sides: [rows, rows], reads: [losses] },
  ]
}

const squaredError: Tasks = (node) => {
  const [loss, losses] = node.outputs
  const [rows, columns] = matrix(node, 0)
  return [
    { kind: 15, of: losses, sides: [columns], reads: node.inputs },
    { kind: 17, of: loss, sides: [rows, rows * columns], reads: [losses] },
  ]
}

/** LayerNormalization and RmsNormalization: the figures of the rows come before the rows. */
const normalization: Tasks = ({ operator, inputs, outputs, attributes }) => {
  const [x, gain, bias] = inputs
  const columns = x?.shape[1] ?? 0
  const isCentred = operator === 'LayerNormalization'
  const [y, ...figures] = outputs
  const [mean, scale] = isCentred ? figures : [undefined, ...figures]
  const centred = isCentred ? 1 : 0
  const means: TensorTask[] = isCentred
    ? [{ kind: 32, of: mean, sides: [columns], reads: [x] }]
    : []
  const epsilon = bitsOf(real(attributes, 'epsilon'))
  return [
    ...means,
    { kind: 33, of: scale, sides: [columns, centred, epsilon], reads: [x, mean] },
    {
      kind: 34,
      of: y,
      sides: [columns, centred, bias ? 1 : 0],
      reads: [x, gain, scale, mean, bias],
    },
  ]
}

/** dy, x, means of a layer norm, scales; then the gain where dx is asked for. */
function figuresOf({ operator, inputs }: Node) {
  const [dy, x, ...rest] = inputs
  const isCentred = operator.startsWith('Layer')
  const [mean, scale, gain] = isCentred ? rest : [undefined, ...rest]
  return { dy, x, mean, scale, gain, centred: isCentred ? 1 : 0, columns: x?.shape[1] ?? 0 }
}

const normalizationGradient: Tasks = (node) => {
  const { dy, x, mean, scale, gain, centred, columns } = figuresOf(node)
  const reads = [x, gain, scale, mean, dy]
  return [{ kind: 35, of: node.outputs[0], sides: [columns, centred], reads }]
}

const normalizationScaleGradient: Tasks = (node) => {
  const { dy, x, mean, scale, centred, columns } = figuresOf(node)
  const rows = x?.shape[0] ?? 0
  const [ofGain, ofBias] = node.outputs
  const reads = [x, undefined, scale, mean, dy]
  const bias: TensorTask[] = ofBias
    ? [{ kind: 9, of: ofBias, sides: [rows, columns], reads: [dy] }]
    : []
  return [{ kind: 36, of: ofGain, sides: [columns, centred, rows], reads }, ...bias]
}

/** What no contract computes again. */
const given: Tasks = ({ outputs }) =>
  outputs.map((of) => ({ kind: undefined, of, sides: [], reads: [] }))

/** What each operator puts out, in an order in which everything is there before it is read. */
const tasksByOperator: Readonly<Record<OperatorName, Tasks>> = {
  ...imageTasks,
  ...tokenTasks,
  Add: ({ inputs, outputs }) => [
    { kind: 1, of: outputs[0], sides: [sizeOf(inputs[1]?.shape ?? [])], reads: inputs },
  ],
  Gelu: elementwise(5),
  GeluGradient: elementwise(6),
  GeluErf: elementwise(51),
  GeluErfGradient: elementwise(52),
  Gemm: gemm,
  LayerNormalization: normalization,
  LayerNormalizationGradient: normalizationGradient,
  LayerNormalizationScaleGradient: normalizationScaleGradient,
  Mul: elementwise(2),
  Relu: elementwise(3),
  ReluGradient: elementwise(4),
  Reshape: () => [],
  RotaryTable: given,
  RmsNormalization: normalization,
  RmsNormalizationGradient: normalizationGradient,
  RmsNormalizationScaleGradient: normalizationScaleGradient,
  // The optimizers and running figures write the state: see program.ts.
  AdamW: () => [],
  RunningMean: () => [],
  Sgd: () => [],
  SgdMomentum: () => [],
  Silu: elementwise(7),
  SiluGradient: elementwise(8),
  SoftmaxCrossEntropy: softmaxCrossEntropy,
  SoftmaxCrossEntropyGradient: (node) => {
    const [rows, classes] = matrix(node, 0)
    return [{ kind: 14, of: node.outputs[0], sides: [classes, rows], reads: node.inputs }]
  },
  SquaredError: squaredError,
  SquaredErrorGradient: (node) => [
    { kind: 16, of: node.outputs[0], sides: [sizeOfOutput(node)], reads: node.inputs },
  ],
  SumRows: ({ inputs, outputs }) => {
    const [rows = 0, ...rest] = inputs[0]?.shape ?? []
    return [{ kind: 9, of: outputs[0], sides: [rows, sizeOf(rest)], reads: inputs }]
  },
  Ternary: ternary,
}

/** Operators whose outputs no contract computes again: both sides must have them alike. */
export const givenOperators: readonly OperatorName[] = ['RotaryTable']

/** The tasks of a node, whose kinds are those of contracts/OpVerifier.sol. */
export function tasksOf(node: Node): readonly TensorTask[] {
  return tasksByOperator[node.operator](node)
}
