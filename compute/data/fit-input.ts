import { limits } from '#wire/limits.ts'
import type { FittedTarget, RowPreprocessing } from '#wire/preprocessing.ts'
import { defaultModelKind, type ModelKind } from './defaults.ts'
import { inputError } from './fault.ts'
import { fitColumns, fitDivisor, imagesOfTable, widthOf } from './fit.ts'
import type { Column, Dataset, ImageSet, Table } from './table.ts'
import { findColumn } from './target.ts'
import { fitWords, isFreeText } from './words.ts'

export type FittedInput = {
  readonly preprocessing: RowPreprocessing
  /** [features], or [channels, height, width] for a CNN. */
  readonly inputShape: readonly number[]
  readonly model: ModelKind | 'embeddingBag'
  readonly notes: readonly string[]
}

export type FitOptions = {
  readonly target: FittedTarget
  readonly drop?: readonly string[]
  readonly model?: ModelKind
  readonly file: string
}

/** Two poolings halve it twice. */
const cnnSideMin = 4

/** Fits the input's preprocessing on the training rows. Throws COLUMN_MISSING, COLUMNS_MISSING, IMAGE_SHAPE or INPUT_UNFIT. */
export function fitInput(dataset: Dataset, rows: Uint32Array, options: FitOptions): FittedInput {
  if (dataset.kind === 'image') return fitImages(dataset.images, rows, options)
  const { table } = dataset
  const { drop = [], target, file } = options
  const dropped = new Set(drop.map((name) => findColumn(table, name, file).name))
  const columns = table.columns.filter(({ name }) => name !== target.name && !dropped.has(name))
  const [only] = columns
  if (!options.model && only && columns.length === 1 && isFreeText(only, rows)) {
    return fitTexts(table, rows, { ...options, column: only })
  }
  const { model = 'mlp' } = options
  if (model === 'cnn') return fitSquare(table, rows, { ...options, columns })
  const fitted = fitColumns(columns, rows, file)
  const columnCount = table.columns.length
  return {
    preprocessing: { kind: 'table', columns: fitted.columns, columnCount, target },
    inputShape: [widthOf(fitted.columns)],
    model,
    notes: fitted.notes,
  }
}

/** A table of one column of texts and the target. */
function fitTexts(
  table: Table,
  rows: Uint32Array,
  { column, target, file }: FitOptions & { column: Column },
): FittedInput {
  const fitted = fitWords(column, rows, file)
  const columnCount = table.columns.length
  return {
    preprocessing: { kind: 'words', ...fitted, columnCount, target },
    inputShape: [fitted.tokensMax],
    model: 'embeddingBag',
    notes: [`${fitted.words.length} words and pairs of words of the column ${column.name} count`],
  }
}

function fitImages(images: ImageSet, rows: Uint32Array, options: FitOptions): FittedInput {
  const { shape } = images
  const [dropped] = options.drop ?? []
  if (dropped !== undefined) {
    const { file } = options
    throw inputError('COLUMN_MISSING', { file, column: dropped }, 'images have no columns to drop')
  }
  const model = options.model ?? defaultModelKind(shape)
  const features = shape.reduce((a, b) => a * b, 1)
  const isSmall = model === 'cnn' && Math.min(shape[1], shape[2]) < cnnSideMin
  if (isSmall || (model !== 'cnn' && features > limits.columnsMax)) {
    const text = `images of ${shape.join('x')} do not fit the model ${model}`
    throw inputError('INPUT_UNFIT', { file: options.file }, text)
  }
  const divisor = fitDivisor(images, rows)
  return {
    preprocessing: { kind: 'image', shape: [...shape], divisor, target: options.target },
    inputShape: model === 'cnn' ? shape : [features],
    model,
    notes: [],
  }
}

/** A CNN on a table: its columns are the pixels of a square image, row by row. */
function fitSquare(
  table: Table,
  rows: Uint32Array,
  { columns, target, file }: FitOptions & { columns: readonly Column[] },
): FittedInput {
  const side = Math.sqrt(columns.length)
  const other = columns.find((column) => column.kind !== 'number')
  if (!Number.isInteger(side) || side < cnnSideMin || other) {
    const found = other ? `the column ${other.name} is text` : `there are ${columns.length} columns`
    const text = `a CNN needs images, or a table of pixels: 16, 25, 36, … numeric columns; ${found}`
    throw inputError('INPUT_UNFIT', { file }, text)
  }
  const shape = [1, side, side] as [number, number, number]
  const names = columns.map(({ name }) => name)
  const divisor = fitDivisor(imagesOfTable(table, names, { shape, file }), rows)
  const columnCount = table.columns.length
  return {
    preprocessing: { kind: 'image', shape, divisor, columns: names, columnCount, target },
    inputShape: shape,
    model: 'cnn',
    notes: [],
  }
}
