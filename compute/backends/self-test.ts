import { AppError } from '#base/error.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { createEngine } from '../exact/engine.ts'
import { buildForwardOnly } from '../graph/training.ts'
import { type Value, sizeOf } from '../graph/graph.ts'
import { relativeChange, relativeMax } from '../train/tolerance.ts'
import type { Backend, BackendModel, Batch, FlatState } from './backend.ts'

const seed = `0x${'7e'.repeat(32)}` as const
const stepsDefault = 8

/** Some steps of the exact engine, for others to repeat. */
export interface Reference {
  readonly name: string
  readonly spec: TrainSpec
  readonly first: FlatState
  readonly batches: readonly Batch[]
  /** Parameters after the last batch. */
  readonly last: Float32Array
}

export interface Agreement {
  readonly name: string
  /** Length of the difference as a share of the length of the change, over all weights together. */
  readonly relative: number
}

/** Trains a small model exactly. A process that has loaded foreign code may no longer be able to. */
export async function createReference(
  name: string,
  spec: TrainSpec,
  options: { readonly wasm: Uint8Array<ArrayBuffer>; readonly steps?: number },
): Promise<Reference> {
  const { wasm, steps = stepsDefault } = options
  const engine = await createEngine(spec, wasm)
  try {
    engine.initialize(seed)
    engine.checkDenormals()
    const first = { p: engine.p.slice(), m: engine.m.slice(), v: engine.v.slice(), step: 0 }
    const batches = Array.from({ length: steps }, (_, step) => createBatch(spec, step))
    for (const { x, y } of batches) {
      engine.x.set(x)
      engine.y.set(y)
      engine.train()
    }
    return { name, spec, first, batches, last: engine.p.slice() }
  } finally {
    await engine.close()
  }
}

/**
 * Repeats the steps of every reference. Throws BACKEND_REFUSED with the model and what was found where the
 * change of the weights is not the exact engine's, and what the backend throws.
 */
export async function selfTest(
  backend: Backend,
  references: readonly Reference[],
): Promise<readonly Agreement[]> {
  const found: Agreement[] = []
  for (const reference of references) {
    const relative = await repeat(backend, reference)
    if (!(relative < relativeMax)) {
      const { name: model } = reference
      throw new AppError({
        code: 'BACKEND_REFUSED',
        backend: backend.name,
        model,
        relative,
        relativeMax,
      })
    }
    found.push({ name: reference.name, relative })
  }
  return found
}

async function repeat(backend: Backend, reference: Reference): Promise<number> {
  const { spec, first, batches, last } = reference
  const model = await backend.open(spec)
  try {
    model.load(first)
    for (const batch of batches) await model.train(batch)
    return relativeChange((await model.state()).p, last, first.p)
  } finally {
    await model.close()
  }
}

/** Steps a second: the fastest of those that fit into about `ms`. */
export async function speedOf(
  model: Pick<BackendModel, 'train'>,
  batch: Batch,
  ms: number,
): Promise<number> {
  await model.train(batch)
  const start = performance.now()
  let best = Infinity
  for (let before = start; before - start < ms;) {
    await model.train(batch)
    const now = performance.now()
    best = Math.min(best, now - before)
    before = now
  }
  return 1000 / best
}

/** Numbers that look random, from integers alone; the label or target follows from the row's first input. */
export function createBatch(spec: TrainSpec, step: number): Batch {
  const { x: xValue, y: yValue } = buildForwardOnly(spec)
  const x = valuesOf(xValue, spec, (i) => scramble(i, step))
  const width = x.length / spec.batchSize
  const perRow = sizeOf(yValue.shape) / spec.batchSize
  const y = valuesOf(yValue, spec, (i) => {
    const row = Math.floor(i / perRow)
    return scramble(row * width + (i % perRow) * Math.floor(width / perRow), step)
  })
  return { x, y }
}

function valuesOf({ type, shape }: Value, { outputs }: TrainSpec, valueAt: (i: number) => number) {
  const length = sizeOf(shape)
  return type === 'i32'
    ? Int32Array.from({ length }, (_, i) => Math.floor(valueAt(i) * outputs))
    : Float32Array.from({ length }, (_, i) => valueAt(i) * 2 - 1)
}

/** From 0 to 1. */
function scramble(i: number, step: number): number {
  const mixed = Math.imul(i ^ (step << 20), 2_654_435_761)
  return (Math.imul(mixed ^ (mixed >>> 15), 2_246_822_519) >>> 8) / 2 ** 24
}
