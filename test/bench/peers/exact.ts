import { createEngine } from '#compute/exact/engine.ts'
import { createMemory, engineIdOf, instantiateKernels } from '#compute/exact/kernels.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { ternaryOf } from '#compute/exact/ternary.ts'
import { sizeOf } from '#compute/graph/graph.ts'
import { buildForwardOnly } from '#compute/graph/training.ts'
import { readKernels } from '#compute/train/session.ts'
import { createDecoder } from '#compute/infer/decoder.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Peer, PeerOptions, Work } from './peer.ts'
import { type GemmForm, createBatch, createValues } from './tasks.ts'

const seed = `0x${'5a'.repeat(32)}` as const
const timedRuns = 65
const gemvWarmups = 300
const start = 4096

/** The exact engine of this repository. */
export async function createPeer({ threads }: PeerOptions): Promise<Peer> {
  const wasm = await readKernels()
  return {
    version: engineIdOf(wasm).slice(0, 10),
    async open(task) {
      if (task.kind === 'training') return openTraining(task.spec, { wasm, threads })
      if (threads > 1) throw new Error('it runs in one thread')
      if (task.kind === 'generation') return openGeneration(task.spec, wasm)
      if (task.kind === 'gemm') return openGemm(task.side, task.form, wasm)
      const { ternary } = task
      return ternary ? openTernary(ternary, task.side, wasm) : openGemv(task.side, wasm)
    },
  }
}

type Wasm = Uint8Array<ArrayBuffer>

async function openTraining(
  spec: TrainSpec,
  { wasm, threads }: { wasm: Wasm; threads: number },
): Promise<Work> {
  const engine = await createEngine(spec, wasm, { threads, createTeam: createThreadTeam })
  engine.initialize(seed)
  const { x, y } = createBatch(spec)
  engine.x.set(x)
  engine.y.set(y)
  engine.train()
  const [hashed, plain] = timeBoth(
    () => void (engine.partRootsLater(), engine.train()),
    () => void engine.train(),
  )
  return {
    run: () => void engine.train(),
    close: engine.close,
    figures: {
      flopsPerStep: engine.flopsPerStep,
      parameters: engine.parameterCount,
      memoryBytes: engine.p.buffer.byteLength,
      memoryRatio: engine.p.buffer.byteLength / bytesNeeded(spec),
      hashingShare: Math.max(0, 1 - plain / hashed),
    },
  }
}

/** Each run begins anew and fills the context. */
async function openGeneration(spec: TrainSpec, wasm: Wasm): Promise<Work> {
  const engine = await createEngine({ ...spec, batchSize: 1 }, wasm)
  engine.initialize(seed)
  const decoder = await createDecoder(spec, engine.p.slice(), wasm)
  await engine.close()
  return {
    run() {
      decoder.reset()
      for (let token = 1; decoder.length < decoder.context;) {
        const logits = decoder.extend(Int32Array.of(token))
        token = logits.indexOf(Math.max(...logits))
      }
    },
    close: () => {},
  }
}

/** Parameters, moments, one batch and one set of activations. */
function bytesNeeded(spec: TrainSpec): number {
  const { graph, parameterCount } = buildForwardOnly(spec)
  const moments = spec.optimizer.kind === 'adamw' ? 2 : 0
  const made = graph.nodes.flatMap(({ operator, outputs }) =>
    operator === 'Reshape' ? [] : outputs,
  )
  const values = [...graph.inputs, ...made].reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  return 4 * ((1 + moments) * parameterCount + values)
}

/** Median time of each of two jobs, taken in turn. */
function timeBoth(a: () => void, b: () => void): [number, number] {
  const times: [number[], number[]] = [[], []]
  for (let i = 0; i < timedRuns; i += 1) {
    for (const [j, job] of [a, b].entries()) {
      const before = performance.now()
      job()
      times[j]?.push(performance.now() - before)
    }
  }
  const medianOf = (values: number[]) => values.toSorted((x, y) => x - y)[timedRuns >> 1] as number
  return [medianOf(times[0]), medianOf(times[1])]
}

async function openKernels(wasm: Wasm, values: readonly Float32Array[], scratchFloats: number) {
  const count = values.reduce((sum, { length }) => sum + length, 0)
  const memory = createMemory(start + 4 * (count + scratchFloats) + 65_536)
  const kernels = instantiateKernels(await WebAssembly.compile(wasm), memory)
  let end = start
  const addresses = values.map((part) => {
    const at = end
    new Float32Array(memory.buffer, at, part.length).set(part)
    end += 4 * part.length
    return at
  })
  return { kernels, addresses, scratch: end }
}

async function openGemm(side: number, form: GemmForm, wasm: Wasm): Promise<Work> {
  const size = side * side
  const values = [createValues(size), createValues(size), new Float32Array(size)]
  const { kernels, addresses, scratch } = await openKernels(wasm, values, 4 * size)
  const [a = 0, b = 0, c = 0] = addresses
  const [ars, acs] = form === 'TN' ? [1, side] : [side, 1]
  const [brs, bcs] = form === 'NT' ? [1, side] : [side, 1]
  return {
    run: () => kernels.gemm(side, side, side, a, ars, acs, b, brs, bcs, c, side, scratch),
    close: () => {},
  }
}

async function openGemv(side: number, wasm: Wasm): Promise<Work> {
  const values = [createValues(side), createValues(side * side), new Float32Array(side)]
  const { kernels, addresses } = await openKernels(wasm, values, 0)
  const [x = 0, w = 0, y = 0] = addresses
  return { run: () => kernels.gemv(x, side, w, side, y, 0, side), close: () => {} }
}

/** Ternary weights of 2 or 8 bits by 8-bit activations, from binary32 activations to binary32 outputs. */
async function openTernary(form: 'packed' | 'wide', side: number, wasm: Wasm): Promise<Work> {
  const w = createValues(side * side).map((value) => value - 0.5)
  const values = [createValues(side), w, new Float32Array(side), new Float32Array(side)]
  const { kernels, addresses, scratch } = await openKernels(wasm, values, 2 * side * side)
  const [x = 0, wAt = 0, y = 0, sums = 0] = addresses
  const { scale } = ternaryOf(w, [side, side])
  const q = scratch
  const factors = q + 2 * side + 64
  const weights = factors + kernels.ternaryFactorsBytes(side)
  if (form === 'wide') kernels.widenTernary(wAt, side, side, scale, weights)
  else kernels.packTernary(wAt, side, side, scale, weights)

  function run(): void {
    const unit = kernels.quantizeActivations(x, side, q)
    if (form === 'wide') kernels.ternarySumsWide(weights, q, side, sums, 0, side / 64)
    else {
      kernels.ternaryFactors(q, side, factors)
      kernels.ternarySums(weights, factors, side, sums, 0, side / 16)
    }
    kernels.scaleSums(sums, Math.fround(unit * scale), 0, y, side)
  }

  for (let i = 0; i < gemvWarmups; i += 1) run()
  const [plainMs, ternaryMs] = timeBoth(() => kernels.gemv(x, side, wAt, side, y, 0, side), run)
  return { run, close: () => {}, figures: { gemvRatio: plainMs / ternaryMs } }
}
