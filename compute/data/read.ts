import { constants, gunzipSync } from 'node:zlib'
import type { DenseArray } from './array.ts'
import { assemble, type Rows } from './assemble.ts'
import { readBytes, readStart } from './bytes.ts'
import { readCsv } from './csv.ts'
import { inputError } from './fault.ts'
import { decodeIdx, isIdx } from './idx.ts'
import { readJsonl } from './jsonl.ts'
import { decodeNpy, isNpy } from './npy.ts'
import type { Dataset } from './table.ts'
import { isZip, unzip } from './zip.ts'

export type Format = 'csv' | 'jsonl' | 'idx' | 'npy' | 'npz'

export type ReadOptions = { readonly noHeader?: boolean; readonly signal?: AbortSignal }

/** What files hold: the rows to train on, and those to test on where an archive names them. */
export type Loaded = { readonly format: Format; readonly train: Dataset; readonly test?: Dataset }

/**
 * Reads one or several files of one format (told from their bytes and names) as one data set. Throws
 * FORMAT_UNKNOWN, FORMAT_MIXED and the codes of the readers, each with the file and the place in it.
 */
export async function readDataset(
  files: readonly string[],
  options: ReadOptions = {},
): Promise<Loaded> {
  const formats: Format[] = []
  for (const file of files) formats.push(await formatOf(file))
  const [format] = formats
  const [file = ''] = files
  if (format === undefined) throw inputError('FILE_EMPTY', { file }, 'no file was given')
  const other = formats.findIndex((found) => found !== format)
  if (other > 0) {
    const text = `it is ${formats[other]}, the first file is ${format}`
    throw inputError('FORMAT_MIXED', { file: files[other] as string }, text)
  }
  switch (format) {
    case 'csv':
      return { format, train: { kind: 'table', table: await readCsv(files, options) } }
    case 'jsonl':
      return { format, train: { kind: 'table', table: await readJsonl(files, options) } }
    case 'idx':
      return { format, train: await readIdx(files) }
    case 'npy':
      return { format, train: await readNpy(files) }
    case 'npz':
      return { format, ...(await readNpz(files)) }
  }
}

async function formatOf(file: string): Promise<Format> {
  let start = await readStart(file, 65_536)
  if (start[0] === 0x1f && start[1] === 0x8b) start = startOfGzip(start)
  if (start.length === 0) throw inputError('FILE_EMPTY', { file }, 'the file is empty')
  if (isIdx(start)) return 'idx'
  if (isNpy(start)) return 'npy'
  if (isZip(start)) return 'npz'
  if (start.includes(0)) {
    const text = 'not a format that is read: CSV, TSV, JSONL, IDX, NPY or NPZ'
    throw inputError('FORMAT_UNKNOWN', { file }, text)
  }
  const isJsonl = /\.(jsonl|ndjson)(\.gz)?$/i.test(file) || /^\uFEFF?\s*\{"/.test(start.toString())
  return isJsonl ? 'jsonl' : 'csv'
}

function startOfGzip(start: Buffer): Buffer {
  try {
    return gunzipSync(start.subarray(0, 4096), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: 8 << 20,
    }).subarray(0, 65_536)
  } catch {
    return Buffer.from('?') // the text reader says what is damaged
  }
}

async function readIdx(files: readonly string[]): Promise<Dataset> {
  const images: { array: DenseArray; file: string }[] = []
  const labels: DenseArray[] = []
  for (const file of files) {
    const array = decodeIdx(await readBytes(file), file)
    if (array.shape.length === 1) labels.push(array)
    else images.push({ array, file })
  }
  const [first] = images
  if (!first) {
    throw inputError(
      'IMAGES_MISSING',
      { file: files[0] ?? '' },
      'labels alone; name the image file too',
    )
  }
  if (labels.length !== 0 && labels.length !== images.length) {
    const text = `${images.length} image files, but ${labels.length} label files`
    throw inputError('LABELS_MISSING', { file: first.file }, text)
  }
  return assemble(images.map(({ array, file }, i): Rows => ({ x: array, y: labels[i], file })))
}

async function readNpy(files: readonly string[]): Promise<Dataset> {
  const parts: Rows[] = []
  for (const file of files) parts.push({ x: decodeNpy(await readBytes(file), file), file })
  return assemble(parts)
}

const rowWords = new Set(['images', 'image', 'x', 'data', 'features', 'inputs', 'input'])
const labelWords = new Set(['labels', 'label', 'y', 'targets', 'target'])

async function readNpz(files: readonly string[]): Promise<{ train: Dataset; test?: Dataset }> {
  const train: Rows[] = []
  const test: Rows[] = []
  for (const file of files) {
    const archive = unzip(await readBytes(file), file, {
      wants: (name) => roleOf(name) !== undefined,
    })
    const found = new Map<string, DenseArray>()
    for (const [name, bytes] of archive) {
      found.set(roleOf(name) as string, decodeNpy(bytes, `${file}/${name}`))
    }
    const x = found.get('train.x')
    if (!x) {
      const text = 'no array named train_images, x_train, images, x or data is in it'
      throw inputError('ARRAY_MISSING', { file, available: [...archive.keys()] }, text)
    }
    train.push({ x, y: found.get('train.y'), file })
    const testX = found.get('test.x')
    if (testX) test.push({ x: testX, y: found.get('test.y'), file })
  }
  return { train: assemble(train), test: test.length > 0 ? assemble(test) : undefined }
}

/** `train.x` for train_images.npy, `test.y` for y_test.npy, undefined for names of no meaning here. */
function roleOf(entry: string): string | undefined {
  const match = /^([A-Za-z_]{1,40})\.npy$/.exec(entry)
  if (!match) return undefined
  const words = (match[1] as string).toLowerCase().split('_')
  if (words.some((word) => ['val', 'valid', 'validation'].includes(word))) return undefined
  const part = words.includes('test') ? 'test' : 'train'
  const rest = words.filter((word) => word !== 'test' && word !== 'train')
  if (rest.length !== 1) return undefined
  const [word = ''] = rest
  if (rowWords.has(word)) return `${part}.x`
  return labelWords.has(word) ? `${part}.y` : undefined
}
