import { limits } from '#wire/limits.ts'

/** Bounds of the network: what one peer may cost this node, and how long anything may take. */
export const p2pLimits = {
  /** A body of 64 KiB, and what an envelope adds to it. */
  messageBytesMax: limits.gossipMessageBytesMax + 256,
  entryBodyBytesMax: limits.gossipMessageBytesMax,
  /** The same on every node: a smaller one would cut gossip one way, silently. */
  gossipRpcBytesMax: 8_388_608,
  /** What gossip may queue for a peer that does not read; beyond it the stream is dropped. */
  gossipQueueBytesMax: 4_194_304,
  /** What `sendAll` leaves in a stream's write buffer before it waits. */
  sendQueueBytesMax: 262_144,
  requestBytesMax: 65_536,
  responseBytesMax: 4_194_304,
  requestConcurrencyMax: 32,
  requestTimeoutMs: 10_000,
  /** A peer that asks more than this within the window is kept away: 1,000 a second. */
  questionsPerWindowMax: 5_000,
  questionsWindowMs: 5_000,
  floodBanMs: 600_000,
  dialTimeoutMs: 10_000,
  validateTimeoutMs: 1_000,
  connectionsMax: 256,
  keptAddressesMax: 256,
  knownAddressesMax: 16,
  reconnectDelayMsMin: 500,
  /** Few peers are kept, each by name: where the network was cut, blocks wait for the first of them. */
  reconnectDelayMsMax: 5_000,
  blockBytesMax: 2_097_152,
  blockCreditMax: 3,
  blockTimeoutMs: 10_000,
  artifactTimeoutMs: 30_000,
  capabilityIntervalMs: 30_000,
  capabilityLifeMs: 95_000,
  capabilityBytesMax: 8_192,
  capabilitiesMax: 1_024,
  clockSkewMs: 30_000,
  jobLogEntriesPerAuthorMax: 8_192,
  jobLogBytesPerAuthorMax: 33_554_432,
  jobLogAuthorsMax: 64,
  jobLogSyncIntervalMs: 5_000,
  membershipLifeMs: 30_000,
  nonMembershipLifeMs: 2_000,
} as const
