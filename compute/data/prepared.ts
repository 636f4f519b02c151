import type { JobSpec } from '#wire/job.ts'
import type { Preprocessing } from '#wire/preprocessing.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { ModelKind } from './defaults.ts'
import type { Format } from './read.ts'

/** What a client may say about its files; the rest has defaults. */
export type PrepareOptions = {
  readonly task?: JobSpec['task']
  /** Column to predict, by name or zero-based index. Unset: target, label, class or y, else the last. */
  readonly target?: string
  /** Columns to leave out, by name or zero-based index. */
  readonly drop?: readonly string[]
  readonly noHeader?: boolean
  readonly model?: ModelKind | 'transformer'
  /** An ONNX file or the model.json of tfjs, whose graph is trained instead of a model of ours. */
  readonly modelFile?: string
  /** Tokens in a row of a language model; chosen from the length of the text when not given. */
  readonly context?: number
  /** Files of the held-out part; without them `testShare` (0.2) of the rows is held out. */
  readonly testFiles?: readonly string[]
  readonly testShare?: number
  /** Of the split and of the order of rows; default 1. */
  readonly seed?: number
  /** How many workers share the training rows; default 3. The batch size depends on it. */
  readonly workerCount?: number
  readonly signal?: AbortSignal
}

/** Rows as a safetensors file: x F32 [rows, ...inputShape], y I32 classes or F32 standardised values [rows]; or tokens. */
export type RowsFile = { readonly bytes: Uint8Array<ArrayBuffer>; readonly rows: number }

export type PreparedJob = {
  readonly task: JobSpec['task']
  readonly metric: 'accuracy' | 'r2'
  readonly splitSeed: number
  readonly train: TrainSpec
  /** Weights of the file that the model came from; a job on the chain begins from its seed instead. */
  readonly initialParameters?: Float32Array
  readonly preprocessing: Preprocessing
  /** Shuffled: worker k of n owns rows i with i mod n = k. */
  readonly trainSet: RowsFile
  readonly heldOut: RowsFile
  /** Class names in order of class number; undefined where none are predicted. */
  readonly labels?: readonly string[]
  readonly summary: PreparedSummary
}

/** For the person who signs. */
export type PreparedSummary = {
  readonly format: Format | 'generated' | 'text'
  readonly trainRows: number
  readonly heldOutRows: number
  readonly features: number
  readonly target: string
  readonly notes: readonly string[]
}
