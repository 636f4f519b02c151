import { createRng } from '#base/rng.ts'
import { trainSpecSchema } from '#wire/spec.ts'
import { tokensOfBytes, vocabulary } from '#wire/vocabulary.ts'
import { encodeSafetensors } from '../export/safetensors.ts'
import { bounds } from './bounds.ts'
import { readBytes } from './bytes.ts'
import { inputError } from './fault.ts'
import type { PreparedJob, PrepareOptions, RowsFile } from './prepared.ts'
import { shuffle } from './split.ts'
import { contextFor, textSpec } from './text-defaults.ts'

/** Tokens of a text and the name that errors give it. */
type Text = { readonly tokens: Int32Array; readonly file: string }

const testShareDefault = 0.1
const rowsMinPerWorker = 4
const contextMax = 4096

/**
 * A language model's job from text files: bytes are tokens, every file is a document that begins with the token
 * `endOfText`. The last part of the text is held out, or the test files; both are cut into rows of `context` tokens
 * without overlap, x [rows, context] and y, the tokens that follow each. Throws FILE_EMPTY, FILE_TOO_LARGE,
 * FILE_UNREADABLE, FILE_DAMAGED, ROWS_TOO_FEW, OPTION_UNFIT, TEST_SHARE_INVALID.
 */
export async function prepareText(
  files: readonly string[],
  options: PrepareOptions = {},
): Promise<PreparedJob> {
  const [file = ''] = files
  requireTextOptions(options, file)
  const { testFiles = [], seed = 1, workerCount = 3 } = options
  const whole = await readText(files)
  const parts =
    testFiles.length === 0
      ? splitText(whole, options.testShare ?? testShareDefault)
      : { train: whole, held: await readText(testFiles) }
  const context = options.context ?? contextFor(parts.train.tokens.length, workerCount)
  requireRows(parts.train, context, rowsMinPerWorker * workerCount)
  requireRows(parts.held, context, 1)
  const trainSet = rowsOf(parts.train.tokens, { context, seed })
  const spec = textSpec({ trainRows: trainSet.rows, context, workerCount })
  return {
    task: 'language-model',
    metric: 'accuracy',
    splitSeed: seed,
    train: trainSpecSchema.parse(spec),
    preprocessing: { kind: 'text', vocabulary: vocabulary.name },
    trainSet,
    heldOut: rowsOf(parts.held.tokens, { context }),
    summary: {
      format: 'text',
      trainRows: trainSet.rows,
      heldOutRows: Math.floor((parts.held.tokens.length - 1) / context),
      features: context,
      target: 'next byte',
      notes: [],
    },
  }
}

function requireTextOptions(options: PrepareOptions, file: string): void {
  const { target, drop, noHeader, model, testShare, context } = options
  const unfit = Object.entries({ target, drop, noHeader }).find(([, value]) => value !== undefined)
  const refuse = (option: string, text: string) =>
    inputError('OPTION_UNFIT', { file, option }, text)
  if (unfit) throw refuse(unfit[0], `a text has no columns; leave out --${unfit[0]}`)
  if (model !== undefined && model !== 'transformer') {
    throw refuse('model', `a language model is a transformer, not ${model}`)
  }
  if (
    context !== undefined &&
    !(Number.isInteger(context) && context >= 2 && context <= contextMax)
  ) {
    throw refuse('context', `a context has 2 to ${contextMax} tokens, not ${context}`)
  }
  if (testShare !== undefined && !(testShare > 0 && testShare < 1)) {
    const text = `a test share is between 0 and 1, not ${testShare}`
    throw inputError('TEST_SHARE_INVALID', { file, testShare }, text)
  }
}

async function readText(files: readonly string[]): Promise<Text> {
  const documents: Uint8Array[] = []
  let sizeBytes = 0
  for (const file of files) {
    const bytes = await readBytes(file, bounds.tokensMax)
    if (bytes.length === 0) throw inputError('FILE_EMPTY', { file }, 'the file is empty')
    sizeBytes += bytes.length
    if (sizeBytes > bounds.tokensMax) {
      throw inputError('FILE_TOO_LARGE', { file }, `texts of more than ${bounds.tokensMax} bytes`)
    }
    documents.push(bytes)
  }
  const tokens = new Int32Array(sizeBytes + documents.length)
  let at = 0
  for (const bytes of documents) {
    tokens[at] = vocabulary.endOfText
    tokens.set(tokensOfBytes(bytes), at + 1)
    at += 1 + bytes.length
  }
  return { tokens, file: files[0] ?? '' }
}

function splitText({ tokens, file }: Text, testShare: number): { train: Text; held: Text } {
  const at = tokens.length - Math.round(tokens.length * testShare)
  return {
    train: { tokens: tokens.subarray(0, at), file },
    held: { tokens: tokens.subarray(at), file },
  }
}

function requireRows({ tokens, file }: Text, context: number, rowsMin: number): void {
  const rows = Math.max(0, Math.floor((tokens.length - 1) / context))
  if (rows >= rowsMin) return
  const text = `${tokens.length} tokens give ${rows} rows of ${context}, ${rowsMin} are needed`
  throw inputError('ROWS_TOO_FEW', { file, rows, rowsMin, context }, text)
}

/** Rows of `context` tokens and those that follow, shuffled where there is a seed. What is left at the end is dropped. */
function rowsOf(tokens: Int32Array, options: { context: number; seed?: number }): RowsFile {
  const { context, seed } = options
  const rows = Math.floor((tokens.length - 1) / context)
  const order = Uint32Array.from({ length: rows }, (_, row) => row)
  if (seed !== undefined) shuffle(order, createRng(seed))
  const x = new Int32Array(rows * context)
  const y = new Int32Array(rows * context)
  for (const [to, from] of order.entries()) {
    x.set(tokens.subarray(from * context, (from + 1) * context), to * context)
    y.set(tokens.subarray(from * context + 1, (from + 1) * context + 1), to * context)
  }
  const shape = [rows, context]
  const bytes = encodeSafetensors({
    x: { dtype: 'I32', shape, values: x },
    y: { dtype: 'I32', shape, values: y },
  })
  return { bytes, rows }
}
