/** Bounds of beginning with a snapshot: what a question may cost who answers it, and what is believed. */
export const snapshotLimits = {
  /** What an answer is filled to; the last node, code or record may exceed it. */
  answerBytes: 262_144,
  /** What is read of an answer: beyond it the peer is dropped. */
  answerBytesMax: 1_048_576,
  questionBytesMax: 16_384,
  recordsMax: 256,
  servedAtOnceMax: 4,
  answerTimeoutMs: 10_000,
  /** Blocks between the newest final one and the one whose state is fetched: reads two heights back work. */
  marginBlocks: 8,
  /** Consensus blocks kept below the pivot: hashes for BLOCKHASH, units spent by elections. */
  recordsKept: 256,
  /** How far below the pivot the trusted block may be. */
  trustBlocksMax: 1_048_576,
  /** How long a peer that lied is kept away. */
  banMs: 600_000,
  roundDelayMs: 250,
  /** Questions asked at the same time. */
  lanes: 4,
  /** Peers asked for the newest final block. */
  tipPeersMax: 8,
} as const
