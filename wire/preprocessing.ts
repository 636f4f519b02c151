import { z } from 'zod'
import { limits } from './limits.ts'
import { vocabulary } from './vocabulary.ts'

/** A number that binary32 holds exactly, so that every reader of the JSON computes with the same bits. */
const f32 = z.number().refine((value) => Math.fround(value) === value, 'not exact in binary32')
const f32Positive = f32.refine((value) => value > 0, 'not positive')
const columnName = z.string().min(1).max(256)
const category = z.string().max(256)

/** Raw value v becomes (v - mean) / std in binary32; a missing one counts as `fill`. One feature. */
const numberColumnSchema = z.object({
  kind: z.literal('number'),
  name: columnName,
  fill: f32,
  mean: f32,
  std: f32Positive,
})

/** One feature for each category: 1 where the value is it, else 0. Missing and unknown values are all 0. */
const categoryColumnSchema = z.object({
  kind: z.literal('category'),
  name: columnName,
  categories: z.array(category).min(1).max(256),
})

export const columnSchema = z.discriminatedUnion('kind', [numberColumnSchema, categoryColumnSchema])
export type FittedColumn = z.infer<typeof columnSchema>

/** Class i is `labels[i]`; labels are sorted (as numbers if all are, else by code unit). */
const classTargetSchema = z.object({
  kind: z.literal('class'),
  name: columnName,
  labels: z.array(category).min(2).max(limits.classesMax),
})

/** The model predicts (y - mean) / std; its output times `std` plus `mean` is in the user's units. */
const valueTargetSchema = z.object({
  kind: z.literal('value'),
  name: columnName,
  mean: f32,
  std: f32Positive,
})

export const targetSchema = z.discriminatedUnion('kind', [classTargetSchema, valueTargetSchema])
export type FittedTarget = z.infer<typeof targetSchema>

/** Columns of the training file with its target: tells what a file without names lacks. */
const columnCount = z.int().min(1).max(limits.columnsMax)

const tablePreprocessingSchema = z.object({
  kind: z.literal('table'),
  columns: z.array(columnSchema).min(1).max(limits.columnsMax),
  columnCount,
  target: targetSchema,
})

const side = z.int().min(1).max(4096)
/** Pixels are divided by `divisor`. `columns` names them where they came from a table. */
const imagePreprocessingSchema = z.object({
  kind: z.literal('image'),
  shape: z.tuple([z.int().min(1).max(16), side, side]) /* channels, height, width */,
  divisor: f32Positive,
  columns: z.array(columnName).max(limits.columnsMax).optional(),
  columnCount: columnCount.optional(),
  target: targetSchema,
})

/** A text becomes the places of its words, and of its pairs of neighbours, in `words` (compute/data/words.ts). */
const wordsPreprocessingSchema = z.object({
  kind: z.literal('words'),
  column: columnName,
  words: z.array(z.string().min(1).max(256)).min(1).max(limits.termsMax),
  /** Tokens of a row; shorter texts are filled up with -1. */
  tokensMax: z.int().min(1).max(limits.bagTokensMax),
  columnCount,
  target: targetSchema,
})
export type WordsPreprocessing = z.infer<typeof wordsPreprocessingSchema>

/** The bytes of a text, one token each (wire/vocabulary.ts). */
const textPreprocessingSchema = z.object({
  kind: z.literal('text'),
  vocabulary: z.literal(vocabulary.name),
})

/** What was fitted on the training part: all that turns a raw row into the model's input and back. */
export const preprocessingSchema = z.discriminatedUnion('kind', [
  tablePreprocessingSchema,
  imagePreprocessingSchema,
  textPreprocessingSchema,
  wordsPreprocessingSchema,
])
export type Preprocessing = z.infer<typeof preprocessingSchema>
/** Of rows that have a target. */
export type RowPreprocessing = Exclude<Preprocessing, { kind: 'text' }>
export type ImagePreprocessing = z.infer<typeof imagePreprocessingSchema>
