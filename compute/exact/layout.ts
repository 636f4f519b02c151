import { type TrainSpec, momentsOf } from '#wire/spec.ts'
import { type Graph, type Value, type Vector, sizeOf } from '../graph/graph.ts'
import { type ModelGraph, buildForwardOnly, buildTraining } from '../graph/training.ts'
import { createDigests, digestBytesOf } from './digest.ts'
import { fuseGraph } from './fusion.ts'
import { type Kernels, instantiateKernels } from './kernels.ts'
import { floatBytes, noiseKeyBytes, rateCount } from './lowering.ts'
import { noiseLayersOf } from './noise.ts'
import { type Placement, alignUp, placeValues } from './placement.ts'
import { type Plan, planGraph } from './plan.ts'
import type { Workplace } from './team.ts'

/** Where everything stands in an engine's memory, in bytes; the same on every machine and thread. */
export interface Layout {
  readonly training: ModelGraph
  readonly forward: ModelGraph
  readonly placements: { readonly training: Placement; readonly forward: Placement }
  readonly vectors: Readonly<Record<Vector, number>>
  /** Elements of m and of v: as many as of p, or none where the optimizer does not carry them. */
  readonly momentCounts: Readonly<Record<'m' | 'v', number>>
  readonly rates: number
  /** Hashes of the groups of all vectors. */
  readonly digests: number
  /** Keys of the random streams of a step, `noiseBytes` long. */
  readonly noise: number
  readonly noiseBytes: number
  readonly x: number
  readonly y: number
  readonly arena: number
  /** Scratch space of thread 0; that of thread t is `scratchBytes` * t further. */
  readonly scratch: number
  readonly scratchBytes: number
  readonly threads: number
  readonly sizeBytes: number
}

/** Bytes at the start of the memory that threads use to wait for each other. */
export const controlBytes = 4096

export interface LayoutOptions {
  readonly threads: number
  /** Whether every value of a training step has a place of its own, and none is left out by fusion. */
  readonly keepsValues?: boolean
}

/** Lays out graphs, vectors and buffers of a specification. Takes no memory of their size. */
export function layOut(spec: TrainSpec, probe: Kernels, options: LayoutOptions): Layout {
  const { threads, keepsValues = false } = options
  const training = keepsValues ? buildTraining(spec) : fuse(buildTraining(spec))
  const forward = fuse(buildForwardOnly(spec))
  const placements = { training: place(training, keepsValues), forward: place(forward, false) }
  const moments = momentsOf(spec)
  const countOf = (vector: 'm' | 'v') => (moments.includes(vector) ? training.parameterCount : 0)
  const momentCounts = { m: countOf('m'), v: countOf('v') }
  let end = controlBytes
  const take = (bytes: number): number => {
    const start = end
    end += alignUp(bytes)
    return start
  }
  const rates = take(rateCount * floatBytes)
  const vectors = {
    p: take(training.parameterCount * floatBytes),
    g: take(training.parameterCount * floatBytes),
    m: take(momentCounts.m * floatBytes),
    v: take(momentCounts.v * floatBytes),
  }
  const digests = take(digestBytesOf(sizesOf({ training, momentCounts })))
  const noiseBytes = noiseKeyBytes * noiseLayersOf(training.graph)
  const noise = take(noiseBytes)
  const x = take(sizeOf(training.x.shape) * floatBytes)
  const y = take(sizeOf(training.y.shape) * floatBytes)
  const arena = take(Math.max(placements.training.sizeBytes, placements.forward.sizeBytes))
  const unscratched = {
    training,
    forward,
    placements,
    noise,
    noiseBytes,
    vectors,
    momentCounts,
    rates,
    digests,
    x,
    y,
    arena,
    threads,
  }
  const scratchBytes = alignUp(scratchBytesOf(unscratched, probe))
  const scratch = take(scratchBytes * threads)
  return { ...unscratched, scratch, scratchBytes, sizeBytes: end }
}

function fuse(model: ModelGraph): ModelGraph {
  return { ...model, graph: fuseGraph(model.graph) }
}

/** Bytes of the flat vectors. */
function sizesOf({
  training,
  momentCounts,
}: Pick<Layout, 'training' | 'momentCounts'>): Readonly<Record<Vector, number>> {
  const p = training.parameterCount * floatBytes
  return { p, g: p, m: momentCounts.m * floatBytes, v: momentCounts.v * floatBytes }
}

function place({ graph, x, y }: ModelGraph, keepsAll: boolean): Placement {
  const isFixed = (value: Value) => value.home !== undefined || value === x || value === y
  return placeValues(graph, isFixed, { keepsAll })
}

type Unscratched = Omit<Layout, 'scratch' | 'scratchBytes' | 'sizeBytes'>

function scratchBytesOf(layout: Unscratched, probe: Kernels): number {
  const { train, forward } = plansOf(layout, probe, () => 0)
  return Math.max(...[...train.calls, ...forward.calls].map((call) => call.scratchBytes))
}

/** The kernel calls of both graphs over a layout. */
export function plansOf(
  layout: Unscratched,
  kernels: Kernels,
  rateAt: (slot: number) => number,
): { readonly train: Plan; readonly forward: Plan } {
  const { arena, vectors, rates, noise, threads } = layout
  const sizes = sizesOf(layout)
  const state = (['p', 'm', 'v'] as const).map((name) => {
    return { start: vectors[name], end: vectors[name] + sizes[name] }
  })
  const plan = ({ graph, x, y }: { graph: Graph; x: Value; y: Value }, placement: Placement) =>
    planGraph(graph, {
      placement,
      arena,
      vectors,
      rates,
      noise,
      threads,
      state,
      rateAt,
      kernels,
      inputs: new Map([
        [x, layout.x],
        [y, layout.y],
      ]),
    })
  return {
    train: plan(layout.training, layout.placements.training),
    forward: plan(layout.forward, layout.placements.forward),
  }
}

/** One thread's kernels, plans and scratch space over the shared memory. */
export function createWorkplace(
  layout: Layout,
  { module, memory }: { module: WebAssembly.Module; memory: WebAssembly.Memory },
  thread: number,
): Workplace {
  const kernels = instantiateKernels(module, memory)
  const slots = new Float32Array(memory.buffer, layout.rates, rateCount)
  const { train, forward } = plansOf(layout, kernels, (slot) => slots[slot] as number)
  const { vectors } = layout
  const scratch = layout.scratch + thread * layout.scratchBytes
  const sizes = sizesOf(layout)
  const digests = createDigests(memory, kernels, { vectors, sizes, digests: layout.digests })
  return { kernels, digests, plans: { train: train.calls, forward: forward.calls }, scratch }
}
