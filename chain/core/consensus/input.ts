import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { CatchUpRequest, Certificate, Message, Signed } from './messages.ts'

/** A timer runs for a view: to see a proposal, to see it certified, then again and again while it lasts. */
export interface Timer {
  readonly view: number
  readonly name: 'proposal' | 'certification' | 'retry'
}

/** What stands in the write-ahead log, in order. */
export type LogEntry =
  | Signed
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'block'; readonly root: Hex; readonly block: ConsensusBlock }

/** All that the core hears of. Messages of its own come back to it through the driver, signed. */
export type Input =
  | Message
  /** An entry of the log; all of them come before `started`. */
  | { readonly kind: 'replayed'; readonly entry: LogEntry }
  | { readonly kind: 'started' }
  | { readonly kind: 'timer'; readonly timer: Timer }
  /** The answer to `propose`. */
  | {
      readonly kind: 'built'
      readonly view: number
      readonly root: Hex
      readonly block: ConsensusBlock
    }
  /**
   * The answer to `certify`. It says the same on every honest node, and comes only when all that it depends
   * on is there: missing bytes are no answer, never `invalid`.
   */
  | {
      readonly kind: 'certified'
      readonly root: Hex
      readonly isValid: boolean
      /** Whom the election names as proposer of the next view on this block; none at a stake height. */
      readonly elected?: number
    }
  /** A peer, as the driver names it, is behind. */
  | { readonly kind: 'request'; readonly peer: string; readonly request: CatchUpRequest }
