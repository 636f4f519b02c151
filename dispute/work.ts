import type { StepTensors } from '#compute/transcript/tensors.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'

/** A move of the game: a function of DisputeGame and what it takes behind the dispute's id and position. */
export interface Move {
  readonly name: string
  readonly args: readonly unknown[]
}

/** What a player has of the disputed work: its own leaves and tensors, right or wrong. */
export interface Work {
  /** Hash of the leaf after so many steps of the claim; 0 is the leaf before the first. */
  leafHash(step: number): Promise<Hex>
  /** Path to what a step was given beside its state, in the claim's root over all steps. */
  batchPath(step: number): Promise<readonly Hex[]>
  /** One step's tensors, and the leaf before it. Only the newest step's are held. */
  step(step: number): Promise<{ readonly start: Leaf; readonly tensors: StepTensors }>
}
