import { assert } from '#base/assert.ts'
import { type Graph, type Node, type Value, sizeOf } from '../graph/graph.ts'
import { floatBytes } from './lowering.ts'
import { inPlaceInput } from './lowerings.ts'

const alignment = 64

/** Rounds a byte count up so that tensors begin on cache lines. */
export function alignUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / alignment) * alignment
}

export interface Placement {
  /** Byte offset in the arena of every value without a home or a fixed address, views included. */
  readonly offsets: ReadonlyMap<Value, number>
  /** The value whose memory a value uses: itself, or for a view what it looks at. */
  readonly rootOf: (value: Value) => Value
  readonly sizeBytes: number
}

interface Block {
  start: number
  end: number
}

/**
 * Plans the memory of a graph: each value lives from the node that writes it to the last that reads it, and
 * takes the first gap that fits. Outputs of the graph live to its end, with `keepsAll` every value does. Fixed
 * values are placed elsewhere.
 */
export function placeValues(
  graph: Graph,
  isFixed: (value: Value) => boolean,
  { keepsAll = false } = {},
): Placement {
  const rootOf = createRoots(graph)
  const lastUse = lastUses(keepsAll ? { ...graph, outputs: graph.values } : graph, rootOf)
  const offsets = new Map<Value, number>()
  const live = new Map<Value, Block>()
  let sizeBytes = 0
  for (const [index, node] of graph.nodes.entries()) {
    for (const output of node.outputs) {
      const root = rootOf(output)
      if (root !== output || isFixed(root)) continue
      const bytes = alignUp(sizeOf(output.shape) * floatBytes)
      const taken = takeOver(node, { index, lastUse, live, rootOf })
      const start = taken?.start ?? firstGap([...live.values()], bytes)
      live.set(output, { start, end: start + bytes })
      offsets.set(output, start)
      sizeBytes = Math.max(sizeBytes, start + bytes)
    }
    for (const value of live.keys()) {
      if ((lastUse.get(value) ?? index) <= index) live.delete(value)
    }
  }
  for (const value of graph.values) {
    const offset = offsets.get(rootOf(value))
    if (offset !== undefined) offsets.set(value, offset)
  }
  return { offsets, rootOf, sizeBytes }
}

function createRoots({ nodes }: Graph): (value: Value) => Value {
  const sources = new Map<Value, Value>()
  for (const { operator, inputs, outputs } of nodes) {
    const [input] = inputs
    const [output] = outputs
    if (operator !== 'Reshape' || !input || !output) continue
    assert(!output.home, 'a view has no home of its own')
    sources.set(output, sources.get(input) ?? input)
  }
  return (value) => sources.get(value) ?? value
}

function lastUses(graph: Graph, rootOf: (value: Value) => Value): Map<Value, number> {
  const last = new Map<Value, number>()
  for (const [index, { inputs }] of graph.nodes.entries()) {
    for (const value of inputs) last.set(rootOf(value), index)
  }
  for (const value of graph.outputs) last.set(rootOf(value), graph.nodes.length)
  return last
}

interface Liveness {
  readonly index: number
  readonly lastUse: ReadonlyMap<Value, number>
  readonly live: Map<Value, Block>
  readonly rootOf: (value: Value) => Value
}

/** The block of an input that dies in this node and may be overwritten, freed from its owner. */
function takeOver(node: Node, { index, lastUse, live, rootOf }: Liveness): Block | undefined {
  const place = inPlaceInput[node.operator]
  const input = place === undefined ? undefined : node.inputs[place]
  if (!input) return undefined
  const root = rootOf(input)
  const readers = node.inputs.filter((other) => rootOf(other) === root)
  const block = live.get(root)
  if (!block || readers.length > 1 || lastUse.get(root) !== index) return undefined
  live.delete(root)
  return block
}

function firstGap(blocks: readonly Block[], bytes: number): number {
  let start = 0
  for (const block of blocks.toSorted((a, b) => a.start - b.start)) {
    if (block.start - start >= bytes) break
    start = Math.max(start, block.end)
  }
  return start
}
