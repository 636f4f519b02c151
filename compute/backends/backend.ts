import type { Labels } from '../exact/engine.ts'
import type { Hex } from '#wire/primitives.ts'
import type { TrainSpec } from '#wire/spec.ts'

/** A training state outside of any engine; m and v are empty where the optimizer has no such moment. */
export interface FlatState {
  readonly p: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** Steps done since the initial state. */
  readonly step: number
}

export interface Batch {
  /** [batch, ...inputShape] */
  readonly x: Float32Array | Int32Array
  /** As Engine.y takes them. */
  readonly y: Labels
}

export interface ForwardResult {
  readonly logits: Float32Array
  readonly losses: Float32Array
}

/** One model on a backend. Its values agree with the exact engine's within a tolerance, its bits do not. */
export interface BackendModel {
  /** Takes a state in place of its own; copies it. */
  load(state: FlatState): void
  /** Its state; valid until the next step. */
  state(): Promise<FlatState>
  /** The seed of the steps that follow, from which models with dropout draw what they drop. */
  setNoise(seed: Hex): void
  /** One training step; returns its loss. Throws NON_FINITE. */
  train(batch: Batch): Promise<number>
  forward(batch: Batch): Promise<ForwardResult>
  close(): Promise<void>
}

/** Another engine for the same graph. */
export interface Backend {
  /** Such as `onnxruntime-node cpu`. */
  readonly name: string
  /** Prepares a model, its state all zero. Throws UNSUPPORTED, or what the backend says. */
  readonly open: (spec: TrainSpec) => Promise<BackendModel>
}
