import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'
import { assert } from '#base/assert.ts'
import type { Manifest } from '#wire/manifest.ts'
import type { RowPreprocessing } from '#wire/preprocessing.ts'
import type { Hex } from '#wire/primitives.ts'
import { applyPreprocessing } from '../data/apply.ts'
import { inputError } from '../data/fault.ts'
import { readDataset } from '../data/read.ts'
import type { Dataset } from '../data/table.ts'
import { collectFiles, parseModel, type LoadedModel } from '../export/model.ts'
import type { Runner } from '../runner.ts'

/** What the model says of one row: a class with the probability of each, or a value in the user's units. */
export type Prediction =
  { readonly label: string; readonly probabilities: readonly number[] } | { readonly value: number }

export type Predictions = {
  readonly task: Manifest['task']
  /** Class names in the order of `probabilities`. */
  readonly labels?: readonly string[]
  readonly modelHash: Hex
  /** One for each row of the files, in their order. */
  readonly rows: readonly Prediction[]
}

export type PredictOptions = {
  /** Runs the engine; it is opened with the model's spec here and stays open. */
  readonly runner: Runner
  /** An existing directory for the parameters' file, which is removed afterwards. */
  readonly scratchDirectory: string
  readonly noHeader?: boolean
  readonly threads?: number
  /** A ternary model's hidden layers add integers. */
  readonly isInteger?: boolean
  readonly signal?: AbortSignal
}

const rowsAtOnce = 4096

/** Reads a model directory. Throws MODEL_MISSING or the codes of `parseModel`. */
export async function loadModel(directory: string): Promise<LoadedModel> {
  const read = async (name: string) => {
    try {
      return await readFile(join(directory, name))
    } catch (error) {
      throw new AppError({ code: 'MODEL_MISSING', file: join(directory, name) }, { cause: error })
    }
  }
  return parseModel(await collectFiles(read))
}

/**
 * Predicts the rows of files by the exact engine. The files look like those of the training, with or without the
 * target. Throws the codes of `loadModel`, of the readers and of the preprocessing, and SPEC_INVALID where integers are
 * asked of a model that is not ternary.
 */
export async function predictFiles(
  directory: string,
  files: readonly string[],
  options: PredictOptions,
): Promise<Predictions> {
  const { signal, noHeader } = options
  const model = await loadModel(directory)
  const { preprocessing } = model.manifest
  if (preprocessing.kind === 'text') {
    const text = 'the model continues texts; give --prompt'
    throw inputError('INPUT_UNFIT', { file: files[0] ?? directory }, text)
  }
  const { train: dataset } = await readDataset(files, { noHeader, signal })
  const file = files[0] ?? ''
  const outputs = await runModel(model, { dataset, preprocessing, file }, options)
  const { task } = model.manifest
  const { target } = preprocessing
  return {
    task,
    labels: target.kind === 'class' ? target.labels : undefined,
    modelHash: model.modelHash,
    rows: outputs.map((row) => {
      if (target.kind === 'value') {
        const [value = 0] = row
        return { value: Math.fround(Math.fround(value * target.std) + target.mean) }
      }
      const probabilities = softmax(row)
      const best = probabilities.indexOf(Math.max(...probabilities))
      return { label: target.labels[best] as string, probabilities }
    }),
  }
}

/** The engine's outputs, one array for each row. */
async function runModel(
  { manifest, parameters }: LoadedModel,
  input: { dataset: Dataset; preprocessing: RowPreprocessing; file: string },
  options: PredictOptions,
): Promise<Float32Array[]> {
  const { runner, scratchDirectory, threads = 1, isInteger, signal } = options
  const { train: spec } = manifest
  const { dataset, preprocessing, file } = input
  const model = join(scratchDirectory, `predict-${process.pid}.f32`)
  const { buffer, byteOffset, byteLength } = parameters
  await writeFile(model, new Uint8Array(buffer, byteOffset, byteLength))
  try {
    await runner.open({ spec, threads }, { signal })
    const { rows } = dataset.kind === 'table' ? dataset.table : dataset.images
    const outputs: Float32Array[] = []
    for (let from = 0; from < rows; from += rowsAtOnce) {
      const length = Math.min(rowsAtOnce, rows - from)
      const part = Uint32Array.from({ length }, (_, i) => from + i)
      const x = applyPreprocessing(dataset, part, { preprocessing, file })
      const y = await runner.predict({ model, x, ...(isInteger && { isInteger }) }, { signal })
      assert(y.length === length * spec.outputs, 'the engine answers each row')
      for (let i = 0; i < length; i++)
        outputs.push(y.slice(i * spec.outputs, (i + 1) * spec.outputs))
    }
    return outputs
  } finally {
    await rm(model, { force: true })
  }
}

function softmax(logits: Float32Array): number[] {
  const most = Math.max(...logits)
  const weights = Array.from(logits, (logit) => Math.exp(logit - most))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}
