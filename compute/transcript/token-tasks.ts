import { type Node, type OperatorName, type Value, sizeOf } from '../graph/graph.ts'
import { integer, real } from '../graph/operator.ts'
import { type Tasks, type TensorTask, betweenValue, bitsOf } from './task.ts'

const f = Math.fround

/** heads, context, size and 1 / sqrt(size) of an attention. */
export function attentionSides({ inputs, attributes }: Node) {
  const heads = integer(attributes, 'heads')
  const context = integer(attributes, 'context')
  const size = (inputs[0]?.shape[1] ?? 0) / heads
  return { heads, context, size, scale: f(1 / f(Math.sqrt(size))) }
}

function sidesOf(node: Node): number[] {
  const { heads, context, size, scale } = attentionSides(node)
  return [heads, context, size, bitsOf(scale)]
}

/** Marks the gradient by the scores, which lies between the outputs of CausalAttentionGradient and its inputs. */
export const scoreGradients = new WeakMap<Value, Node>()

const causalAttentionGradient: Tasks = (node) => {
  const [q, k, v, probabilities, dy] = node.inputs
  const [dq, dk, dv] = node.outputs
  const sides = sidesOf(node)
  const scores = betweenValue(probabilities?.shape ?? [])
  scoreGradients.set(scores, node)
  const rest: TensorTask[] = [
    { kind: 47, of: dq, sides, reads: [scores, k] },
    { kind: 48, of: dk, sides, reads: [scores, q] },
    { kind: 48, of: dv, sides, reads: [probabilities, dy] },
  ]
  return [{ kind: 46, of: scores, sides, reads: [dy, v, probabilities] }, ...rest]
}

const parts = 65_536

export const tokenTasks = {
  CausalAttention: (node) => {
    const [q, k, v] = node.inputs
    const [y, probabilities] = node.outputs
    const sides = sidesOf(node)
    return [
      { kind: 45, of: probabilities, sides, reads: [q, k] },
      { kind: 47, of: y, sides, reads: [probabilities, v] },
    ]
  },
  CausalAttentionGradient: causalAttentionGradient,
  /** The keys of its streams are put behind its input by program.ts. */
  Dropout: ({ inputs, outputs, attributes }) => {
    const limit = Math.min(parts - 1, Math.round(real(attributes, 'rate') * parts))
    const sides = [integer(attributes, 'layer'), limit, bitsOf(parts / (parts - limit))]
    return [{ kind: 50, of: outputs[0], sides, reads: inputs }]
  },
  EmbeddingBag: ({ inputs, outputs }) => {
    const [rows = 0, width = 0] = inputs[0]?.shape ?? []
    const sides = [width, inputs[1]?.shape[1] ?? 0, rows]
    return [{ kind: 43, of: outputs[0], sides, reads: inputs }]
  },
  EmbeddingBagGradient: ({ inputs, outputs }) => {
    const [rows = 0, width = 0] = outputs[0]?.shape ?? []
    const [bags = 0, positions = 0] = inputs[1]?.shape ?? []
    return [{ kind: 44, of: outputs[0], sides: [width, positions, rows, bags], reads: inputs }]
  },
  Gather: ({ inputs, outputs }) => [
    { kind: 41, of: outputs[0], sides: [inputs[0]?.shape[1] ?? 0], reads: inputs },
  ],
  GatherGradient: ({ inputs, outputs }) => {
    const sides = [outputs[0]?.shape[1] ?? 0, sizeOf(inputs[1]?.shape ?? [])]
    return [{ kind: 42, of: outputs[0], sides, reads: inputs }]
  },
  RotaryEmbedding: ({ inputs, outputs, attributes }) => {
    const [context = 0, , size = 0] = inputs[1]?.shape ?? []
    const width = inputs[0]?.shape[1] ?? 0
    const sides = [width, context, size, integer(attributes, 'isInverse')]
    return [{ kind: 49, of: outputs[0], sides, reads: inputs }]
  },
} satisfies Partial<Record<OperatorName, Tasks>>
