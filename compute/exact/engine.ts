import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Parameter } from '../graph/builder.ts'
import { type Value, sizeOf } from '../graph/graph.ts'
import type { ModelGraph } from '../graph/training.ts'
import type { PartRoots } from './digest.ts'
import { compileKernels, createMemory, instantiateKernels } from './kernels.ts'
import { type Layout, createWorkplace, layOut, plansOf } from './layout.ts'
import { floatBytes, rateCount } from './lowering.ts'
import { createNoise } from './noise.ts'
import { streamKeyOf } from './random.ts'
import { createRates } from './rates.ts'
import { createRoots } from './roots.ts'
import { type Team, type Workplace, createSoloTeam } from './team.ts'

export type Labels = Int32Array | Float32Array

/** One model in memory: its state, and the kernels that train it. Runs in Node and in browsers. */
export interface Engine {
  readonly parameters: readonly Parameter[]
  readonly parameterCount: number
  readonly flopsPerStep: number
  readonly batchSize: number
  /** All memory of the engine: vectors, activations, scratch space of every thread. */
  readonly memoryBytes: number
  /** Views of the flat vectors. m and v are empty where the optimizer does not carry them. */
  readonly p: Float32Array
  readonly g: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** Where the next batch is written: [batch, ...inputShape]; I32 for tokens. */
  readonly x: Float32Array | Int32Array
  /** Classes [batch] or tokens [batch, context] as I32, or targets [batch, outputs] as F32. */
  readonly y: Labels
  /** Steps done since the initial state. */
  readonly step: number
  readonly setStep: (step: number) => void
  /** The seed of the steps that follow, from which models with dropout draw what they drop. */
  readonly setNoise: (seed: Hex) => void
  /** p from a seed, zero moments, step 0. */
  initialize(seed: Hex): void
  /** One training step on the batch in x and y; returns its loss. Throws NON_FINITE. */
  train(): number
  /** Outputs and losses of the batch in x and y, as `ModelGraph` says; views, valid until the next call. */
  forward(): { readonly logits: Float32Array; readonly losses: Float32Array }
  /** The graph of a step, and its values after one; only of an engine that keeps them. Views, valid until the next. */
  readonly kept: { readonly model: ModelGraph; readonly valueOf: (value: Value) => Uint8Array }
  /** Part roots (compute/train/commit.ts) of p, g, m and v as they are now, hashed by all threads. */
  partRoots(): PartRoots
  /**
   * The same, hashed while threads wait for each other in the next step, or when the roots are asked for before
   * it. Until then nobody else may change the vectors, or ask for roots.
   */
  partRootsLater(): () => PartRoots
  /** Throws DENORMALS_FLUSHED when a thread treats denormal numbers as zero. */
  checkDenormals(): void
  readonly close: () => Promise<void>
}

export interface EngineOptions {
  readonly threads?: number
  readonly memoryBytesMax?: number
  /** Whether every value of a training step can be read after it. Slower, and takes more memory. */
  readonly keepsValues?: boolean
  /** Starts the other threads; without it the engine has one. */
  readonly createTeam?: CreateTeam
}

/** What every thread of an engine is made from; the others rebuild their plans from it. */
export interface TeamSeed {
  readonly spec: TrainSpec
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly threads: number
  readonly keepsValues: boolean
}

export type CreateTeam = (seed: TeamSeed, workplace: Workplace) => Promise<Team>

const memoryBytesDefault = 2_147_483_648
const memoryBytesCeiling = 4_294_901_760

/** Creates an engine. Throws SPEC_INVALID, SHAPE_MISMATCH or MEMORY_LIMIT before memory is taken. */
export async function createEngine(
  spec: TrainSpec,
  wasm: Uint8Array<ArrayBuffer>,
  options: EngineOptions = {},
): Promise<Engine> {
  const { memoryBytesMax = memoryBytesDefault, keepsValues = false, createTeam } = options
  const threads = createTeam ? (options.threads ?? 1) : 1
  const module = await compileKernels(wasm)
  const layout = layOut(spec, instantiateKernels(module, createMemory(1)), {
    threads,
    keepsValues,
  })
  checkLimits(layout, Math.min(memoryBytesMax, memoryBytesCeiling))
  const memory = createMemory(layout.sizeBytes)
  const workplace = createWorkplace(layout, { module, memory }, 0)
  const team =
    createTeam && threads > 1
      ? await createTeam({ spec, module, memory, threads, keepsValues }, workplace)
      : createSoloTeam(workplace)
  return assemble(spec, { layout, memory, workplace, team, keepsValues })
}

/** Another thread's share of an engine: the same plans over the same memory. */
export function joinEngine(seed: TeamSeed, thread: number): Workplace {
  const { spec, module } = seed
  const layout = layOut(spec, instantiateKernels(module, createMemory(1)), seed)
  return createWorkplace(layout, seed, thread)
}

function checkLimits({ training, sizeBytes }: Layout, sizeBytesMax: number): void {
  const { parameterCount } = training
  const { parametersMax } = limits
  if (parameterCount > parametersMax) {
    throw new AppError({ code: 'MEMORY_LIMIT', parameterCount, parametersMax })
  }
  if (sizeBytes > sizeBytesMax)
    throw new AppError({ code: 'MEMORY_LIMIT', sizeBytes, sizeBytesMax })
}

interface Parts {
  readonly layout: Layout
  readonly memory: WebAssembly.Memory
  readonly workplace: Workplace
  readonly team: Team
  readonly keepsValues: boolean
}

function assemble(spec: TrainSpec, parts: Parts): Engine {
  const { layout, memory, workplace, team } = parts
  const { training, forward } = layout
  const { parameterCount, parameters } = training
  const { kernels } = workplace
  const rates = createRates(spec)
  const noise = createNoise(new Uint8Array(memory.buffer, layout.noise, layout.noiseBytes))
  const floatsAt = (start: number, count: number) => new Float32Array(memory.buffer, start, count)
  const slots = floatsAt(layout.rates, rateCount)
  const plans = plansOf(layout, kernels, () => 0)
  const valueOf = (value: Value, plan: 'train' | 'forward') =>
    floatsAt(plans[plan].addressOf(value), sizeOf(value.shape))
  const loss = valueOf(training.loss, 'train')
  const outputs = {
    logits: valueOf(forward.logits, 'forward'),
    losses: valueOf(forward.losses, 'forward'),
  }
  const views = viewsOf(layout, memory)
  const roots = createRoots(team, workplace)
  return {
    ...views,
    parameters,
    parameterCount,
    flopsPerStep: training.flops,
    batchSize: spec.batchSize,
    memoryBytes: layout.sizeBytes,
    get step() {
      return rates.step
    },
    setStep: rates.setStep,
    setNoise: noise.setSeed,
    initialize(seed) {
      initializeParameters(parts, seed)
      views.m.fill(0)
      views.v.fill(0)
      rates.setStep(0)
    },
    train() {
      const step = rates.step
      noise.write(step)
      rates.advance(slots)
      const isFinite = roots.step()
      const found = loss[0] as number
      if (!isFinite || !Number.isFinite(found)) throw new AppError({ code: 'NON_FINITE', step })
      return found
    },
    forward() {
      team.run('forward')
      return outputs
    },
    get kept() {
      return keptOf(parts, plans.train.addressOf)
    },
    partRoots: () => roots.later()(),
    partRootsLater: roots.later,
    checkDenormals() {
      if (!team.keepsDenormals()) throw new AppError({ code: 'DENORMALS_FLUSHED' })
    },
    close: team.close,
  }
}

/** The flat vectors and the batch. */
function viewsOf(layout: Layout, { buffer }: WebAssembly.Memory) {
  const { training, vectors, momentCounts } = layout
  const { parameterCount } = training
  const viewAt = (start: number, { type, shape }: Value) =>
    type === 'i32'
      ? new Int32Array(buffer, start, sizeOf(shape))
      : new Float32Array(buffer, start, sizeOf(shape))
  return {
    p: new Float32Array(buffer, vectors.p, parameterCount),
    g: new Float32Array(buffer, vectors.g, parameterCount),
    m: new Float32Array(buffer, vectors.m, momentCounts.m),
    v: new Float32Array(buffer, vectors.v, momentCounts.v),
    x: viewAt(layout.x, training.x),
    y: viewAt(layout.y, training.y),
  }
}

function keptOf(parts: Parts, addressOf: (value: Value) => number): Engine['kept'] {
  const { layout, memory, keepsValues } = parts
  assert(keepsValues, 'the engine keeps its values')
  return {
    model: layout.training,
    valueOf: (value) =>
      new Uint8Array(memory.buffer, addressOf(value), floatBytes * sizeOf(value.shape)),
  }
}

/** Normals of deviation sqrt(gain / fanIn) from the stream (seed, 0, place of the parameter), zeros, or ones. */
function initializeParameters({ layout, memory, workplace }: Parts, seed: Hex): void {
  const { kernels, scratch } = workplace
  for (const [layer, { initial, offset, size }] of layout.training.parameters.entries()) {
    const start = layout.vectors.p + 4 * offset
    if (initial.kind !== 'normal') {
      new Float32Array(memory.buffer, start, size).fill(initial.kind === 'ones' ? 1 : 0)
    } else {
      new Uint8Array(memory.buffer, scratch, 16).set(streamKeyOf(seed, 0, layer))
      const variance = Math.fround(initial.gain / initial.fanIn)
      kernels.normals(start, size, scratch, kernels.sqrt1(variance))
    }
  }
}
