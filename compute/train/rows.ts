import { AppError } from '#base/error.ts'
import { type TrainSpec, hasTokens, takesTokens } from '#wire/spec.ts'
import { type Tensor, decodeSafetensors } from '../export/safetensors.ts'
import type { Engine, Labels } from '../exact/engine.ts'
import { isSameShape, sizeOf } from '../graph/graph.ts'

/**
 * Examples in memory: x [count, ...inputShape]; y classes [count] or targets [count, outputs]; of tokens x and y
 * are I32 [count, context], of bags of embeddings x alone is.
 */
export interface Rows {
  readonly count: number
  readonly x: Float32Array | Int32Array
  readonly y: Labels
}

/** Reads a rows file. Throws ROWS_INVALID where it does not fit the specification, or SAFETENSORS_INVALID. */
export function decodeRows(bytes: Uint8Array, spec: TrainSpec): Rows {
  const { tensors } = decodeSafetensors(bytes)
  const fail = (reason: string): never => {
    throw new AppError({ code: 'ROWS_INVALID', reason })
  }
  const x = tensors.get('x') ?? fail('the tensor x is missing')
  const y = tensors.get('y') ?? fail('the tensor y is missing')
  const [count = 0, ...shape] = x.shape
  const dtype = takesTokens(spec) ? 'I32' : 'F32'
  if (x.dtype !== dtype || !isSameShape(shape, spec.inputShape)) {
    return fail(
      `x is ${x.dtype} [${x.shape.join(',')}], rows are ${dtype} [${spec.inputShape.join(',')}]`,
    )
  }
  if (count === 0) fail('there are no rows')
  if (hasTokens(spec)) return tokensOf(x, y, spec)
  if (x.dtype === 'I32') {
    const wrong = foreignToken(x.values, spec)
    if (wrong !== undefined) fail(`x has the token ${wrong}, which the vocabulary has not`)
  } else if (!isFinite(x.values)) fail('x has a value that is not finite')
  const labels = spec.loss === 'crossEntropy' ? classesOf(y, spec) : targetsOf(y, spec)
  if (typeof labels === 'string') return fail(labels)
  if (y.shape[0] !== count) fail(`x has ${count} rows, y has ${y.shape[0]}`)
  return { count, x: x.values, y: labels }
}

function tokensOf(x: Tensor, y: Tensor, { outputs }: TrainSpec): Rows {
  const fail = (reason: string): never => {
    throw new AppError({ code: 'ROWS_INVALID', reason })
  }
  if (x.dtype !== 'I32' || y.dtype !== 'I32' || !isSameShape(x.shape, y.shape)) {
    return fail(`y is not I32 [${x.shape.join(',')}]`)
  }
  for (const [name, { values }] of [
    ['x', x],
    ['y', y],
  ] as const) {
    const wrong = values.find((token) => token < 0 || token >= outputs)
    if (wrong !== undefined) fail(`${name} has the token ${wrong}, which is not below ${outputs}`)
  }
  return { count: x.shape[0] as number, x: x.values, y: y.values }
}

/** A token that a bag of embeddings has no row for; -1 is padding. */
function foreignToken(tokens: Int32Array, { model }: TrainSpec): number | undefined {
  const count = model.kind === 'embeddingBag' ? model.vocabulary : 0
  return tokens.find((token) => token < -1 || token >= count)
}

function classesOf(y: Tensor, { outputs }: TrainSpec): Labels | string {
  if (y.dtype !== 'I32' || y.shape.length !== 1) return 'y is not a list of I32 classes'
  const wrong = y.values.find((label) => label < 0 || label >= outputs)
  return wrong === undefined ? y.values : `class ${wrong} is not below ${outputs}`
}

function targetsOf(y: Tensor, { outputs }: TrainSpec): Labels | string {
  const width = sizeOf(y.shape.slice(1))
  if (y.dtype !== 'F32' || y.shape.length === 0 || width !== outputs) {
    return `y is not F32 with ${outputs} targets a row`
  }
  return isFinite(y.values) ? y.values : 'y has a value that is not finite'
}

function isFinite(values: Float32Array): boolean {
  return values.every(Number.isFinite)
}

/** Copies rows into the engine's batch; places beyond `picked` are zero. */
export function loadBatch(
  engine: Pick<Engine, 'x' | 'y'>,
  rows: Rows,
  picked: ArrayLike<number>,
): void {
  const xSize = rows.x.length / rows.count
  const ySize = rows.y.length / rows.count
  for (let i = 0; i < picked.length; i += 1) {
    const row = picked[i] as number
    engine.x.set(rows.x.subarray(row * xSize, (row + 1) * xSize), i * xSize)
    engine.y.set(rows.y.subarray(row * ySize, (row + 1) * ySize), i * ySize)
  }
  engine.x.fill(0, picked.length * xSize)
  engine.y.fill(0, picked.length * ySize)
}
