import { AppError } from '#base/error.ts'
import { voterOf } from '#chain/core/consensus/validators.ts'
import type { Hex } from '#base/hex.ts'
import type { Epoch } from './epochs.ts'

/** The epoch whose core runs here. */
export interface Present {
  epoch(): Epoch
  /** This node's index in its set, where it votes. */
  self(): number | undefined
  /** Aborted when the epoch is over. */
  signal(): AbortSignal
  move(epoch: Epoch): void
}

/** Starts in an epoch; `blsKey` is this node's. */
export function createPresent(first: Epoch, blsKey: Hex | undefined): Present {
  let epoch = first
  let ending = new AbortController()

  return {
    epoch: () => epoch,
    self: () => (blsKey === undefined ? undefined : voterOf(epoch.set, blsKey)),
    signal: () => ending.signal,
    move(next) {
      ending.abort(new AppError({ code: 'STOPPING' }))
      ending = new AbortController()
      epoch = next
    },
  }
}
