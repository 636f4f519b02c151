import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Evidence } from './evidence.ts'
import type { LogEntry, Timer } from './input.ts'
import type {
  CatchUpRequest,
  Certificate,
  Message,
  Unsigned,
  Vote,
  VoteStatement,
} from './messages.ts'

/** All that the core asks for. The driver performs effects in their order. */
export type Effect =
  /** Build a block of `view` on the block `parent`; answer `built` when it is due. */
  | {
      readonly kind: 'propose'
      readonly view: number
      readonly parentView: number
      readonly parent: Hex
      readonly height: number
      /** As whom; one of those that the rules let this node be. */
      readonly proposer: number
      /** The votes for the parent, where this epoch has them at hand. */
      readonly parentVotes?: Certificate | undefined
    }
  /** Check payload and election of the block, whose parent was found valid before; answer `certified`. */
  | { readonly kind: 'certify'; readonly root: Hex; readonly block: ConsensusBlock }
  /** Append to the log without waiting; it is on the disk before the next signature leaves. */
  | { readonly kind: 'log'; readonly entry: LogEntry }
  /**
   * Compare with the record of what was signed, sign, append to the log, wait for the disk; then broadcast
   * and give it back as `proposal` or `vote`.
   */
  | { readonly kind: 'sign'; readonly unsigned: Unsigned }
  /** Aggregate the signatures of a quorum; give the result back as `certificate`. */
  | {
      readonly kind: 'aggregate'
      readonly statement: VoteStatement
      readonly votes: readonly Vote[]
    }
  | { readonly kind: 'broadcast'; readonly message: Message }
  | { readonly kind: 'send'; readonly peer: string; readonly messages: readonly Message[] }
  /**
   * Start a timer; give it back as `timer`. A `proposal` or `certification` timer begins when the block of
   * its view is due (an idle chain waits), any other at once.
   */
  | { readonly kind: 'setTimer'; readonly timer: Timer; readonly delayMs: number }
  /** The block is final. Comes once a height, in order; `certificate` names this block or a descendant. */
  | {
      readonly kind: 'finalize'
      readonly root: Hex
      readonly block: ConsensusBlock
      readonly certificate: Certificate
    }
  /** Somebody is provably guilty. */
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  /** Ask a peer: the validator `from` where one is known to have it, else any. */
  | { readonly kind: 'request'; readonly request: CatchUpRequest; readonly from?: number }
  /** Send final blocks from this height on, with the certificates that made them final. */
  | { readonly kind: 'serve'; readonly peer: string; readonly fromHeight: number }
