import type { ImagePreprocessing, RowPreprocessing } from '#wire/preprocessing.ts'
import { inputError } from './fault.ts'
import { applyColumns, applyImages, imagesOfTable } from './fit.ts'
import { applyWords } from './words.ts'
import { unnamed, type Dataset, type ImageSet, type Table } from './table.ts'

/** Rows of a data set as the model's input, flat [rows, ...] in binary32. Throws COLUMN_MISSING, COLUMN_NOT_NUMERIC, COLUMNS_DIFFER or INPUT_UNFIT. */
export function applyPreprocessing(
  dataset: Dataset,
  rows: Uint32Array,
  { preprocessing, file }: { preprocessing: RowPreprocessing; file: string },
): Float32Array<ArrayBuffer> {
  if (preprocessing.kind === 'words') {
    if (dataset.kind === 'table') {
      const table = alignUnnamed(dataset.table, preprocessing, file)
      return applyWords(table, rows, { ...preprocessing, file })
    }
    throw inputError('INPUT_UNFIT', { file }, 'images, where the model was trained on texts')
  }
  if (preprocessing.kind === 'table') {
    if (dataset.kind === 'table') {
      const table = alignUnnamed(dataset.table, preprocessing, file)
      return applyColumns(table, rows, { columns: preprocessing.columns, file })
    }
    throw inputError('INPUT_UNFIT', { file }, 'images, where the model was trained on a table')
  }
  return applyImages(imagesFor(dataset, preprocessing, file), rows, preprocessing.divisor)
}

function imagesFor(dataset: Dataset, preprocessing: ImagePreprocessing, file: string): ImageSet {
  const { shape, columns } = preprocessing
  if (dataset.kind === 'table') {
    if (columns) {
      const table = alignUnnamed(dataset.table, preprocessing, file)
      return imagesOfTable(table, columns, { shape, file })
    }
    throw inputError('INPUT_UNFIT', { file }, 'a table, where the model was trained on images')
  }
  const { images } = dataset
  if (images.shape.join() === shape.join()) return images
  const text = `images of ${images.shape.join('x')}, where the model was trained on ${shape.join('x')}`
  throw inputError('INPUT_UNFIT', { file }, text)
}

/**
 * Names the columns of a file without names as those of the training file, which had none either: all of them, or
 * all but the target.
 */
function alignUnnamed(table: Table, preprocessing: RowPreprocessing, file: string): Table {
  const { columnCount, target } = preprocessing
  if (table.hasNames || columnCount === undefined || table.columns.length === columnCount)
    return table
  if (table.columns.length !== columnCount - 1) {
    const text = `${table.columns.length} columns, where the training file had ${columnCount} with its target`
    throw inputError('COLUMNS_DIFFER', { file }, text)
  }
  const names = Array.from({ length: columnCount }, (_, i) => unnamed(i)).filter(
    (name) => name !== target.name,
  )
  const columns = table.columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }))
  return { ...table, columns }
}
