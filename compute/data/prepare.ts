import { createRng } from '#base/rng.ts'
import type { RowPreprocessing } from '#wire/preprocessing.ts'
import { readsTokens } from '#wire/graph-model.ts'
import { trainSpecSchema } from '#wire/spec.ts'
import { encodeSafetensors, type Tensor } from '../export/safetensors.ts'
import { adoptModel } from '../import/adopt.ts'
import type { ImportedModel } from '../import/imported-model.ts'
import { modelError } from '../import/fault.ts'
import { importOnnx } from '../import/onnx.ts'
import { onnxBounds } from '../import/onnx-file.ts'
import { readTfjs } from '../import/tfjs.ts'
import { applyPreprocessing } from './apply.ts'
import { readBytes } from './bytes.ts'
import { defaultSpec, type ModelKind } from './defaults.ts'
import { generateDigits } from './digits.ts'
import { inputError } from './fault.ts'
import { fitInput } from './fit-input.ts'
import type { PreparedJob, PreparedSummary, PrepareOptions, RowsFile } from './prepared.ts'
import { readDataset, type Loaded } from './read.ts'
import { shuffle, splitRows, type Split } from './split.ts'
import type { Column, Dataset } from './table.ts'
import {
  chooseTarget,
  classCodes,
  encodeTarget,
  fitTarget,
  guessTask,
  hasValue,
  type Task,
} from './target.ts'
import { prepareText } from './text.ts'

/**
 * Turns the client's files into a job: reads, splits by the seed, fits the preprocessing on the training part alone,
 * and chooses model and hyper-parameters. Equal files and options give equal bytes. Throws AppError with file and
 * place: the readers' codes, COLUMN_MISSING, COLUMNS_MISSING, CLASS_SINGLE, CLASSES_TOO_MANY, CLASS_UNKNOWN,
 * TARGET_NOT_NUMERIC, TARGET_CONSTANT, ROWS_TOO_FEW, LABELS_MISSING, INPUT_UNFIT, OPTION_UNFIT, TEST_SHARE_INVALID,
 * and with a model's file MODEL_UNFIT and the codes of `importOnnx` or `readTfjs`.
 */
export async function prepareJob(
  files: readonly string[],
  options: PrepareOptions = {},
): Promise<PreparedJob> {
  const { modelFile, ...rest } = options
  if (modelFile === undefined) return prepareFiles(files, rest)
  const imported = await readModel(modelFile)
  const ofTokens = readsTokens(imported.model)
  if (ofTokens !== (rest.task === 'language-model')) {
    const text = ofTokens
      ? 'it reads tokens; give --task language-model'
      : 'it reads rows, and a language model reads tokens'
    throw modelError('MODEL_UNFIT', { file: modelFile }, text)
  }
  const wanted = ofTokens
    ? { context: rest.context ?? imported.inputShape[0] }
    : { model: imported.inputShape.length === 3 ? ('cnn' as const) : ('mlp' as const) }
  return adoptModel(await prepareFiles(files, { ...rest, ...wanted }), imported, modelFile)
}

/** A layers model of tfjs is a .json file; any other is ONNX. */
async function readModel(file: string): Promise<ImportedModel> {
  if (file.toLowerCase().endsWith('.json')) return readTfjs(file)
  return importOnnx(await readBytes(file, onnxBounds.fileBytesMax), file)
}

async function prepareFiles(
  files: readonly string[],
  options: Omit<PrepareOptions, 'modelFile'>,
): Promise<PreparedJob> {
  if (options.task === 'language-model') return prepareText(files, options)
  const { noHeader, signal, testFiles = [] } = options
  const file = files[0] ?? ''
  const rowOptions = rowOptionsOf(options, file)
  const loaded = await readDataset(files, { noHeader, signal })
  if (testFiles.length === 0) return prepareLoaded(loaded, rowOptions, { file, testFile: file })
  const held = await readDataset(testFiles, { noHeader, signal })
  const names = { file, testFile: testFiles[0] ?? '' }
  return prepareLoaded({ ...loaded, test: held.train }, rowOptions, names)
}

/** The built-in input: drawn digits, 16x16, from the seed. */
export function prepareDigits(
  options: PrepareOptions & { readonly rows?: number } = {},
): PreparedJob {
  const { seed = 1, rows } = options
  const train: Dataset = { kind: 'image', images: generateDigits({ seed, rows }) }
  const file = 'generated digits'
  const names = { file, testFile: file }
  return prepareLoaded({ format: 'generated', train }, rowOptionsOf(options, file), names)
}

/** Options of everything but texts. */
type RowOptions = Omit<PrepareOptions, 'task' | 'model' | 'context'> & {
  readonly task?: Task
  readonly model?: ModelKind
}

function rowOptionsOf(options: PrepareOptions, file: string): RowOptions {
  const { task, model, context, ...rest } = options
  if (task === 'language-model' || model === 'transformer' || context !== undefined) {
    const option = context === undefined ? 'model' : 'context'
    const text = `--${option} ${context ?? model} is for --task language-model`
    throw inputError('OPTION_UNFIT', { file, option }, text)
  }
  return { ...rest, task, model }
}

const workersDefault = 3

type Names = { readonly file: string; readonly testFile: string }
type Source = Omit<Loaded, 'format'> & { readonly format: PreparedSummary['format'] }

/** A data set, the column of it that is predicted, and the name that errors give it. */
type Part = { readonly dataset: Dataset; readonly target: Column; readonly file: string }

function prepareLoaded(source: Source, options: RowOptions, names: Names): PreparedJob {
  const { file } = names
  const part = partOf(source.train, options.target, file)
  const isImage = source.train.kind === 'image'
  const task = options.task ?? (isImage ? 'classify' : guessTask(part.target))
  const held = source.test && partOf(source.test, targetName(options, part), names.testFile)
  const rows = chooseRows(part, held, { task, options })
  const target = fitTarget(part.target, rows.train, { task, file })
  const { drop, model: wanted } = options
  const fitted = fitInput(part.dataset, rows.train, { target, drop, model: wanted, file })
  const { preprocessing, inputShape, model } = fitted
  const outputs = target.kind === 'class' ? target.labels.length : 1
  const workerCount = options.workerCount ?? workersDefault
  const vocabulary = preprocessing.kind === 'words' ? preprocessing.words.length : undefined
  const trainRows = rows.train.length
  const facts = { task, trainRows, inputShape, outputs, workerCount, model, vocabulary }
  return {
    task,
    metric: task === 'classify' ? 'accuracy' : 'r2',
    splitSeed: options.seed ?? 1,
    train: trainSpecSchema.parse(defaultSpec(facts)),
    preprocessing,
    trainSet: rowsFile(part, rows.train, { preprocessing, inputShape }),
    heldOut: rowsFile(held ?? part, rows.test, { preprocessing, inputShape }),
    labels: target.kind === 'class' ? target.labels : undefined,
    summary: {
      format: source.format,
      trainRows,
      heldOutRows: rows.test.length,
      features: inputShape.reduce((a, b) => a * b, 1),
      target: target.name,
      notes: fitted.notes,
    },
  }
}

function partOf(dataset: Dataset, target: string | undefined, file: string): Part {
  if (dataset.kind === 'table') {
    return { dataset, file, target: chooseTarget(dataset.table, target, file) }
  }
  const { labels } = dataset.images
  if (labels) return { dataset, file, target: labels }
  throw inputError('LABELS_MISSING', { file }, 'images without labels; name the label file too')
}

/** A target named by its index has the same index in the test file, even where names differ in nothing else. */
function targetName(options: RowOptions, part: Part): string {
  return options.target ?? part.target.name
}

const rowsMin = 10
const rowsMinPerWorker = 4

function chooseRows(
  part: Part,
  held: Part | undefined,
  { task, options }: { task: Task; options: RowOptions },
): Split {
  const rng = createRng(options.seed ?? 1)
  const known = knownRows(part)
  const tooFew = (file: string, rows: number, text: string) =>
    inputError('ROWS_TOO_FEW', { file, rows }, text)
  const needed = Math.max(rowsMin, rowsMinPerWorker * (options.workerCount ?? workersDefault))
  if (known.length < needed) {
    const text = `${known.length} rows have a target, ${needed} are needed`
    throw tooFew(part.file, known.length, text)
  }
  fitTarget(part.target, known, { task, file: part.file }) // refuses hopeless targets before the split
  if (held) {
    const test = knownRows(held)
    if (test.length === 0) throw tooFew(held.file, 0, 'no row has a target')
    return { train: shuffle(known, rng), test }
  }
  const testShare = options.testShare ?? 0.2
  if (!(testShare > 0 && testShare < 1)) {
    const text = `a test share is between 0 and 1, not ${testShare}`
    throw inputError('TEST_SHARE_INVALID', { file: part.file, testShare }, text)
  }
  const classes = task === 'classify' ? classCodes(part.target, known) : undefined
  const split = splitRows(known, { testShare, rng, classes })
  if (split.test.length > 0) return split
  throw tooFew(part.file, known.length, `a test share of ${testShare} holds out no row`)
}

/** The rows whose target is not missing, in order. */
function knownRows({ dataset, target }: Part): Uint32Array {
  const { rows } = dataset.kind === 'table' ? dataset.table : dataset.images
  const all = Uint32Array.from({ length: rows }, (_, row) => row)
  return target.kind === 'text' ? all : all.filter((row) => hasValue(target, row))
}

function rowsFile(
  { dataset, target: column, file }: Part,
  rows: Uint32Array,
  { preprocessing, inputShape }: { preprocessing: RowPreprocessing; inputShape: readonly number[] },
): RowsFile {
  const x = applyPreprocessing(dataset, rows, { preprocessing, file })
  const y = encodeTarget(column, rows, { target: preprocessing.target, file })
  const bytes = encodeSafetensors({
    x:
      preprocessing.kind === 'words'
        ? { dtype: 'I32', shape: [rows.length, ...inputShape], values: Int32Array.from(x) }
        : { dtype: 'F32', shape: [rows.length, ...inputShape], values: x },
    y: targetTensor(y),
  })
  return { bytes, rows: rows.length }
}

function targetTensor(y: Int32Array | Float32Array): Tensor {
  const shape = [y.length]
  return y instanceof Int32Array
    ? { dtype: 'I32', shape, values: y }
    : { dtype: 'F32', shape, values: y }
}
