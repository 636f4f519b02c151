/** What the core holds at most. Views are counted from the state's own. */
export const consensusLimits = {
  /** Votes and proposals are taken up to so many views ahead; certificates of any view. */
  viewsAheadMax: 32,
  /** Votes and proposals are kept so many views back, for evidence. */
  viewsBackMax: 16,
  /** Views without finality of which certificates are kept. */
  viewRecordsMax: 1_024,
  /** Blocks above the final one. */
  blocksMax: 4_096,
  /** Finalize certificates that wait for blocks. */
  waitingFinalsMax: 64,
  /** Certificates in one answer to who catches up, and blocks likewise. */
  answerCertificatesMax: 128,
  answerBlocksMax: 32,
  /** A stuck node repeats its votes of so many views. */
  repeatedViews: 4,
} as const
