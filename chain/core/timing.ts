/** Seconds between blocks while nothing is open. */
export const heartbeatSeconds = 15

export interface Head {
  /** Unix time of the newest block, in seconds. */
  readonly timestamp: number
}

export interface Openness {
  /** A job, audit or dispute is open in the head's state. */
  readonly hasOpenWork: boolean
  /** A transaction waits that the next block could hold. */
  readonly hasTransactions: boolean
}

/**
 * When the next block is due, in unix milliseconds: a second after its parent while work or a transaction
 * is open, else at the heartbeat. Header times are whole seconds and rise, so a second is the fastest.
 */
export function blockDueMs(parent: Head, open: Openness): number {
  const isBusy = open.hasOpenWork || open.hasTransactions
  return (parent.timestamp + (isBusy ? 1 : heartbeatSeconds)) * 1000
}

/** The header time of a block made now: whole seconds, above the parent's. */
export function blockTimestamp(parent: Head, nowMs: number): number {
  return Math.max(parent.timestamp + 1, Math.floor(nowMs / 1000))
}
