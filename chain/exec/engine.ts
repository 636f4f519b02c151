import type { Hex } from '#base/hex.ts'
import type { Payload, Withdrawal } from '#chain/core/payload.ts'

/** What consensus decides about a block before it is built. */
export interface PayloadAttributes {
  readonly timestamp: number
  readonly prevRandao: Hex
  readonly feeRecipient: Hex
  readonly withdrawals: readonly Withdrawal[]
  readonly parentBeaconBlockRoot: Hex
}

/** The three points of the chain that consensus tells execution; all are block hashes. */
export interface Forkchoice {
  readonly head: Hex
  readonly safe: Hex
  readonly finalized: Hex
}

export type PayloadStatus =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The parent is not known here: never vote on it. */
  | { readonly kind: 'syncing' }

export interface ForkchoiceOutcome {
  readonly status: PayloadStatus
  /** Given when attributes were passed: ask `getPayload` for the block. */
  readonly payloadId?: string
}

/**
 * Execution as consensus sees it, shaped after the Engine API. Consensus knows no EVM and execution knows
 * no consensus. Calls of one engine are made one after another.
 */
export interface ExecutionEngine {
  /** Runs a block on its parent and keeps the outcome beside the chain. */
  newPayload(payload: Payload): Promise<PayloadStatus>
  /** Moves the head; what is finalised is on the disk when this resolves. */
  forkchoiceUpdated(
    forkchoice: Forkchoice,
    attributes?: PayloadAttributes,
  ): Promise<ForkchoiceOutcome>
  /** The block built on the head for the attributes. Throws PAYLOAD_UNKNOWN. */
  getPayload(payloadId: string): Promise<Payload>
  /** The payload with another `extraData`, which is no payload attribute, and the hash that follows. */
  reseal(payload: Payload, extraData: Hex): Payload
  /** Storage words of an account in the state after a block. Throws STATE_UNKNOWN. */
  read(blockHash: Hex, address: Hex, slots: readonly Hex[]): Promise<readonly Hex[]>
  /** Native coins of an account in the state after a block, in wei. Throws STATE_UNKNOWN. */
  balance(blockHash: Hex, address: Hex): Promise<bigint>
}
