import type { Hex } from '#base/hex.ts'
import { type ValidatorSet, stakeLeader } from './validators.ts'

/** A block to go on from: the final one at the start, or the parent of a proposal. */
export interface Anchor {
  /** The view of its certificate in this epoch; 0 for the block before the epoch. */
  readonly view: number
  readonly root: Hex
  readonly height: number
  /** Whom the election names as proposer of the next view on it. */
  readonly elected?: number
}

/** Everything an epoch's core is told once. */
export interface Rules {
  readonly set: ValidatorSet
  /** This node's index in the set; undefined for one that only follows. */
  readonly self?: number
  /** The indices as which this node may propose, its own among them. */
  readonly leads: readonly number[]
  /** Bound on a message's way plus the time to check a block, in milliseconds. */
  readonly deltaMs: number
  /** Height of the epoch's last block. Views after it propose that block again until it is final. */
  readonly lastHeight: number
  /** Who may propose in `view` on `parent`. Pure: every node answers alike. */
  readonly proposersOf: (view: number, parent: Anchor) => readonly number[]
}

/**
 * Proposers by election and stake: the elected one in the view right after the parent's, else the leader
 * that stake draws for the view.
 */
export function proposersBy(set: ValidatorSet, epochSeed: Hex): Rules['proposersOf'] {
  return (view, parent) =>
    parent.elected !== undefined && view === parent.view + 1
      ? [parent.elected]
      : [stakeLeader(set, epochSeed, view)]
}
