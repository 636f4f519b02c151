import { assert } from '#base/assert.ts'
import { type Graph, type Value, type Vector } from '../graph/graph.ts'
import type { Call, LowerContext, Span } from './lowering.ts'
import { floatBytes } from './lowering.ts'
import { lowerings } from './lowerings.ts'
import type { Placement } from './placement.ts'

/** A call, and whether threads must wait for each other before it. */
export interface PlannedCall extends Call {
  readonly isAfterBarrier: boolean
  /** Whether it writes carried state: whoever else reads that must be done. */
  readonly changesState: boolean
}

export interface PlanOptions extends Omit<LowerContext, 'addressOf'> {
  readonly placement: Placement
  readonly arena: number
  readonly threads: number
  readonly vectors: Readonly<Record<Vector, number>>
  /** Where the carried state is: p, m and v. */
  readonly state: readonly Span[]
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
  return { calls: withBarriers(calls, options), addressOf }
}

/** First unit of the share that begins at a fraction of the threads. */
export function shareStart(units: number, grain: number, fraction: number): number {
  return Math.min(units, Math.round(Math.ceil(units / grain) * fraction) * grain)
}

/** A span that some call touches, and where threads share it out; no cuts where any thread may touch all. */
interface Access extends Span {
  readonly isWrite: boolean
  readonly cuts?: string
}

/**
 * Threads wait before a call that touches what another thread may have touched since they last waited, unless
 * both only read. Where calls share out the same span at the same places, each thread touches its own part alone.
 */
function withBarriers(
  calls: readonly Call[],
  { threads, state }: Pick<PlanOptions, 'threads' | 'state'>,
): PlannedCall[] {
  let since: Access[] = []
  return calls.map((call) => {
    const accesses = accessesOf(call, threads)
    const isAfterBarrier = accesses.some((access) => since.some((other) => meets(access, other)))
    if (isAfterBarrier) since = []
    since.push(...accesses)
    const changesState = call.writes.some((span) => state.some((part) => overlap(span, part)))
    return { ...call, isAfterBarrier, changesState }
  })
}

function accessesOf({ units, grain, reads, writes }: Call, threads: number): Access[] {
  const cutsOf = ({ start, end, isSplit }: Span): string | undefined => {
    if (!isSplit) return undefined
    const unitBytes = (end - start) / units
    const starts = Array.from({ length: threads - 1 }, (_, thread) =>
      shareStart(units, grain, (thread + 1) / threads),
    )
    return starts.map((unit) => unit * unitBytes).join()
  }
  return [
    ...reads.map((span) => ({ ...span, isWrite: false, cuts: cutsOf(span) })),
    ...writes.map((span) => ({ ...span, isWrite: true, cuts: cutsOf(span) })),
  ]
}

function meets(a: Access, b: Access): boolean {
  if (!(a.isWrite || b.isWrite) || !overlap(a, b)) return false
  const isSame = a.start === b.start && a.end === b.end
  return !isSame || a.cuts === undefined || a.cuts !== b.cuts
}

function overlap(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end
}
