import { assert } from '#base/assert.ts'
import { type Graph, type Value, type Vector } from '../graph/graph.ts'
import type { Call, LowerContext, Span } from './lowering.ts'
import { floatBytes } from './lowering.ts'
import { lowerings } from './lowerings.ts'
import type { Placement } from './placement.ts'

/** A call, and whether threads must wait for each other before it. */
export interface PlannedCall extends Call {
  readonly isAfterBarrier: boolean
}

export interface PlanOptions extends Omit<LowerContext, 'addressOf'> {
  readonly placement: Placement
  readonly arena: number
  readonly vectors: Readonly<Record<Vector, number>>
  /** Addresses of the graph's inputs. */
  readonly inputs: ReadonlyMap<Value, number>
}

export interface Plan {
  readonly calls: readonly PlannedCall[]
  readonly addressOf: (value: Value) => number
}

/** Lowers a graph whose values have places to kernel calls, with barriers only where memory is shared. */
export function planGraph(graph: Graph, options: PlanOptions): Plan {
  const addressOf = (value: Value): number => {
    const root = options.placement.rootOf(value)
    if (root.home) return options.vectors[root.home.vector] + root.home.offset * floatBytes
    const address = options.inputs.get(root)
    if (address !== undefined) return address
    const offset = options.placement.offsets.get(root)
    assert(offset !== undefined, 'every value has a place')
    return options.arena + offset
  }
  const context: LowerContext = { ...options, addressOf }
  const calls = graph.nodes.flatMap((node) => lowerings[node.operator](node, context))
  return { calls: withBarriers(calls), addressOf }
}

function withBarriers(calls: readonly Call[]): PlannedCall[] {
  let written: Span[] = []
  let read: Span[] = []
  return calls.map((call) => {
    const isAfterBarrier =
      meets(call.reads, written) || meets(call.writes, written) || meets(call.writes, read)
    if (isAfterBarrier) {
      written = []
      read = []
    }
    written.push(...call.writes)
    read.push(...call.reads)
    return { ...call, isAfterBarrier }
  })
}

function meets(some: readonly Span[], others: readonly Span[]): boolean {
  return some.some((a) => others.some((b) => a.start < b.end && b.start < a.end))
}
