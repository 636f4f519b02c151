import { trainSpecSchema } from '#wire/spec.ts'
import type { PreparedJob } from '../data/prepared.ts'
import { modelError } from './fault.ts'
import type { ImportedModel } from './imported-model.ts'

/**
 * The job with an imported model instead of the one that its data suggest, and its weights to begin from. Throws
 * MODEL_UNFIT where the rows or the classes are not those that the model takes and gives.
 */
export function adoptModel(
  prepared: PreparedJob,
  { model, inputShape, outputs, parameters, notes }: ImportedModel,
  file: string,
): PreparedJob {
  const { train, summary } = prepared
  const textOf = (shape: readonly number[]) => `[${shape.join(', ')}]`
  if (textOf(train.inputShape) !== textOf(inputShape)) {
    const text = `it takes rows of ${textOf(inputShape)}, the prepared rows are ${textOf(train.inputShape)}`
    throw modelError('MODEL_UNFIT', { file }, text)
  }
  if (train.outputs !== outputs) {
    throw modelError(
      'MODEL_UNFIT',
      { file },
      `it gives ${outputs} outputs, the data need ${train.outputs}`,
    )
  }
  return {
    ...prepared,
    train: trainSpecSchema.parse({ ...train, model }),
    initialParameters: parameters,
    summary: { ...summary, notes: [...summary.notes, ...notes.map((note) => `${file}: ${note}`)] },
  }
}
