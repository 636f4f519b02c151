import { type Graph, type Node, type Value, sizeOf } from '../graph/graph.ts'

/** What a Gemm does with each sum before it is stored, as the kernel `gemmThen` numbers it. */
export const finishOf = { nothing: 0, add: 1, relu: 2, mask: 3 } as const

interface Following {
  readonly finish: number
  /** The second operand, which lies like the product. */
  readonly other?: Value
}

/**
 * The same graph with fewer passes over memory: a Gemm whose output is read by one node alone does that node's
 * work while each sum is in a register, if it is an Add, a Relu or a ReluGradient whose other operand is known
 * by then. Such a Gemm has the attribute `finish`, and `other` as its last input. Every value that is left has
 * the same bits as before: the operations and their order do not change.
 */
export function fuseGraph(graph: Graph): Graph {
  const readers = readersOf(graph)
  const producedAt = new Map<Value, number>()
  for (const [index, { outputs }] of graph.nodes.entries()) {
    for (const value of outputs) producedAt.set(value, index)
  }
  const gone = new Set<Node>()
  const kept = new Set(graph.outputs)
  const nodes = graph.nodes.map((node, index) => {
    const [product] = node.outputs
    if (node.operator !== 'Gemm' || !product || product.home || kept.has(product)) return node
    if (product.shape[0] === 1) return node // see lowerings/gemv.ts
    const [reader, ...others] = readers.get(product) ?? []
    if (!reader || others.length > 0) return node
    const isKnown = (value: Value) => (producedAt.get(value) ?? -1) < index
    const following = followingOf(reader, product)
    if (!following || (following.other && !isKnown(following.other))) return node
    gone.add(reader)
    const { finish, other } = following
    return {
      operator: node.operator,
      inputs: other ? [...node.inputs, other] : node.inputs,
      outputs: reader.outputs,
      attributes: { ...node.attributes, finish },
    }
  })
  return { ...graph, nodes: nodes.filter((_, index) => !gone.has(graph.nodes[index] as Node)) }
}

/** Nodes that read a value, one entry for each operand. */
function readersOf({ nodes }: Graph): ReadonlyMap<Value, readonly Node[]> {
  const readers = new Map<Value, Node[]>()
  for (const node of nodes) {
    for (const value of node.inputs) {
      const known = readers.get(value)
      if (known) known.push(node)
      else readers.set(value, [node])
    }
  }
  return readers
}

function followingOf({ operator, inputs }: Node, product: Value): Following | undefined {
  const [first, second] = inputs
  if (operator === 'Relu') return { finish: finishOf.relu }
  if (operator === 'Add' && first && second) {
    if (sizeOf(first.shape) !== sizeOf(second.shape)) return undefined // the second is repeated
    return { finish: finishOf.add, other: first === product ? second : first }
  }
  if (operator !== 'ReluGradient' || second !== product) return undefined
  return { finish: finishOf.mask, other: first }
}
