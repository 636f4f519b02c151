import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Generation } from './infer/generate.ts'

/**
 * The engine behind a process border. All paths are absolute; the runner writes a file whole or not at all.
 *
 * A state file is safetensors with p, m, v (F32, flat; m and v are empty for SGD) and the metadata `step`.
 * An update file is p alone: raw little-endian binary32. A rows file is safetensors with x (F32,
 * [rows, ...inputShape]) and y (I32 classes [rows], or F32 targets [rows] or [rows, outputs]).
 *
 * Calls run one after another. They throw AppError: SPEC_INVALID, ROWS_INVALID, STATE_INVALID,
 * MEMORY_LIMIT, NON_FINITE {step}, DENORMALS_FLUSHED, TOKENS_INVALID, SAMPLING_INVALID, RUNNER_EXITED, RUNNER_CLOSED, FILE_FAILED,
 * ABORTED (the signal fired; no file was written).
 */
export interface Runner {
  open(job: RunnerJob, options?: CallOptions): Promise<OpenedJob>
  /** Writes the initial state of the seed; its transcript is 32 zero bytes, its step 0. */
  initialState(task: InitialTask, options?: CallOptions): Promise<Leaf>
  /** The roots of a state file; the transcript is not in the file and is returned as 32 zero bytes. */
  inspect(state: string, options?: CallOptions): Promise<Leaf>
  /** Runs `steps` steps from one state file to another; `leaves[i]` is that of the state after step i. */
  train(task: TrainTask, options?: CallOptions & TrainOptions): Promise<TrainReport>
  /** Repeats one step and writes down all of its tensors. */
  transcribe(task: TranscribeTask, options?: CallOptions): Promise<void>
  /** For each step of a round, the root over what it is given beside its state. */
  batches(task: BatchesTask, options?: CallOptions): Promise<readonly Hex[]>
  /** Replaces p of a state by the aggregate of the updates; m, v and step stay. */
  aggregate(task: AggregateTask, options?: CallOptions): Promise<Leaf>
  /** Loss and metric (accuracy for crossEntropy, else r2) of a state or update file on a rows file. */
  evaluate(task: EvaluateTask, options?: CallOptions): Promise<Evaluation>
  /** The model's outputs (logits or values), [rows, outputs], for rows of inputShape. */
  predict(task: PredictTask, options?: CallOptions): Promise<Float32Array>
  /** Tokens behind a prompt by a transformer (compute/infer/generate.ts); `onToken` hears each as it comes. */
  generate(task: GenerateTask, options?: CallOptions & GenerateOptions): Promise<Int32Array>
  /** Process id, for logs and kill tests. */
  readonly pid: number | undefined
  /** Ends the process; calls under way reject with RUNNER_CLOSED. */
  close(): Promise<void>
}

export interface RunnerJob {
  spec: TrainSpec
  /** Needed by `train` alone. */
  trainFile?: string
  threads: number
  /** Another engine that does the training, by its name in compute/backends; the exact one without. */
  backend?: string
  /** Ceiling for parameters, state, activations and scratch space together. */
  memoryBytesMax?: number
}

export interface CallOptions {
  signal?: AbortSignal
}

export interface TrainOptions {
  /** After each step: its number in this call (from 0) and its loss. */
  onStep?: (step: number, loss: number) => void
}

export interface GenerateOptions {
  onToken?: (token: number) => void
}

export interface OpenedJob {
  engineId: Hex
  parameterCount: number
  /** Metered from shapes by compute/exact/SPEC.md, the same on every machine. */
  flopsPerStep: number
  /** Bytes of p, m and v; a state file is a few hundred bytes longer. */
  stateBytes: number
  /** Rows of the train file, 0 without one. */
  rows: number
}

export interface InitialTask {
  seed: Hex
  to: string
}

export interface TrainTask {
  from: string
  to: string
  segmentSeed: Hex
  /** Number of the first batch within the segment (0 at its start); step i takes batch firstBatch + i. */
  firstBatch: number
  steps: number
  /** This worker's rows: i with i mod count = index. */
  shard: { index: number; count: number }
  /** Also writes `<directory>/<n>.safetensors` after every `everySteps`-th step (n counts steps of this call). */
  snapshots?: { everySteps: number; directory: string }
  /** Also writes p after the last step as an update file. */
  updateTo?: string
  /** For development chains: cheats as `compute/train/misbehave.ts` says. */
  misbehave?: Misbehaviour
}

/**
 * `skip` claims every second step without doing it, `skip-few` every twentieth or so; `noise` claims all steps and
 * adds noise to p; `ulp` does all steps and moves the first weight by its last bit after each; `flip-bit` changes
 * one bit of the batch; `zero-rate` keeps p as it was; `sign-flip` and `alie` (Baruch et al. 2019) poison the update.
 */
export type Misbehaviour =
  'skip' | 'skip-few' | 'noise' | 'ulp' | 'flip-bit' | 'zero-rate' | 'sign-flip' | 'alie'

/** One step from a state, of which every tensor is kept. */
export interface TranscribeTask {
  from: string
  /** Gets all tensors of the step, one after another as the program has them (compute/transcript/program.ts). */
  tensorsTo: string
  segmentSeed: Hex
  batch: number
  shard: { index: number; count: number }
  misbehave?: Misbehaviour
}

/** Local steps of one round. */
export interface BatchesTask {
  segmentSeed: Hex
  /** As in `TrainTask`. */
  firstBatch: number
  /** What the state before the first of them counts. */
  firstStep: number
  steps: number
  shard: { index: number; count: number }
}

export interface TrainReport {
  leaves: Leaf[]
  losses: number[]
  lossMean: number
  /** Part root of p after the last step: the root of the update file. */
  updateRoot: Hex
}

export interface AggregateTask {
  from: string
  to: string
  /** Update files in list order; at least one. */
  updates: string[]
  method: 'mean' | 'centeredClip'
  /** Goes into the leaf as its transcript: the list hash. */
  transcript: Hex
}

export interface EvaluateTask {
  /** A state file or an update file. */
  model: string
  rowsFile: string
}

export interface Evaluation {
  metric: number
  loss: number
  rows: number
}

export interface PredictTask {
  model: string
  /** [rows, ...inputShape] flat. */
  x: Float32Array
  /** Ternary layers add integers; SPEC_INVALID for a model without them. */
  isInteger?: boolean
}

export interface GenerateTask extends Generation {
  /** A state file or an update file. */
  model: string
  /** Ternary layers add integers; SPEC_INVALID for a model without them. */
  isInteger?: boolean
}
