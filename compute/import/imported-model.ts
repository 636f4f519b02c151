import { type GraphModel, graphModelSchema } from '#wire/graph-model.ts'
import { limits } from '#wire/limits.ts'
import { isSameShape } from '../graph/graph.ts'
import type { Assembly, RowValue } from './assembly.ts'

/** A forward model from a file, ready to be trained. */
export interface ImportedModel {
  readonly model: GraphModel
  /** Shape of one row. */
  readonly inputShape: readonly number[]
  readonly outputs: number
  /** The file's weights as the flat vector p of the training state. */
  readonly parameters: Float32Array<ArrayBuffer>
  /** For the user: what was left out. */
  readonly notes: readonly string[]
}

/** Makes the error of a file's format, with the place. */
export type Fail = (kind: 'INVALID' | 'SHAPE' | 'TOO_LARGE' | 'UNSUPPORTED', text: string) => Error

/** Gives room for copies of weights, all together no more than a model may have. Throws TOO_LARGE. */
export function createCopies(
  fail: Fail,
): (values: { readonly length: number }) => Float32Array<ArrayBuffer> {
  let copied = 0
  return ({ length }) => {
    copied += length
    if (copied <= limits.parametersMax) return new Float32Array(length)
    throw fail('TOO_LARGE', `it turns more than ${limits.parametersMax} weights`)
  }
}

const magnitudeMax = 1e15

/** The model whose last value is `last`, checked: outputs of each row, or of each of its tokens. Throws by `fail`. */
export function finishModel(
  assembly: Assembly,
  last: RowValue | { readonly kind: 'floats' | 'integers' } | undefined,
  fail: Fail,
  { context }: { readonly context?: number } = {},
): Pick<ImportedModel, 'model' | 'outputs' | 'parameters'> {
  if (last?.kind !== 'value') throw fail('INVALID', 'the output is not computed from the input')
  const outputs = last.shape.at(-1) ?? 0
  const wanted = context === undefined ? [outputs] : [context, outputs]
  if (!isSameShape(last.shape, wanted) || outputs > limits.classesMax) {
    const text = `the output has rows of [${last.shape.join(', ')}] instead of classes or values, at most ${limits.classesMax}`
    throw fail('SHAPE', text)
  }
  const count = assembly.parameterCount()
  if (count > limits.parametersMax) {
    throw fail('TOO_LARGE', `${count} parameters are more than ${limits.parametersMax}`)
  }
  const { model, parameters } = assembly.finish()
  const parsed = graphModelSchema.safeParse(model)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw fail('UNSUPPORTED', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  if (!parameters.every((value) => Math.abs(value) <= magnitudeMax)) {
    throw fail('INVALID', 'a weight is not finite or beyond 1e15')
  }
  return { model: parsed.data, outputs, parameters }
}
