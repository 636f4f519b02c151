/** Bounds of the chain's node: what it accepts, holds and answers. Units stand last. */
export const chainLimits = {
  /** Osaka's cap on one transaction (EIP-7825). */
  transactionGasMax: 16_777_216n,
  transactionBytesMax: 131_072,
  /** Osaka's cap on a block's RLP is 10 MiB (EIP-7934); we stop a little earlier. */
  blockBytesMax: 8_388_608,
  blockTransactionsMax: 10_000,
  poolTransactionsMax: 32_768,
  poolBytesMax: 67_108_864,
  poolSenderTransactionsMax: 1_024,
  rpcRequestBytesMax: 5_242_880,
  rpcBatchMax: 1_000,
  rpcConnectionsMax: 1_024,
  rpcFiltersMax: 1_024,
  rpcSubscriptionsMax: 64,
  rpcBufferBytesMax: 16_777_216,
  logBlocksMax: 10_000,
  logResultsMax: 10_000,
  feeHistoryBlocksMax: 1_024,
  electionsMax: 1_024,
  callsMax: 64,
  simulatedBlocksMax: 256,
  simulatedCallsMax: 1_000,
  traceStepsMax: 200_000,
  traceBytesMax: 67_108_864,
  traceFramesMax: 10_000,
} as const

/**
 * What a block's second of execution may cost in the worst case. The dearest work for its gas is a precompile:
 * point evaluation, 13 Mgas a second on two shared cores (`npm run bench:chain -- --only precompiles`). A block
 * may hold as much gas as the slowest one does in the second between blocks, in whole millions; but one
 * transaction of the greatest size always fits.
 */
const slowestPrecompileMgasPerSecond = 13
const blockSeconds = 1
const leastMgas = Math.ceil(Number(chainLimits.transactionGasMax) / 1e6)

/** The gas limit of a genesis that names none. */
export const gasLimitByDefault =
  Math.max(leastMgas, Math.floor(slowestPrecompileMgasPerSecond * blockSeconds)) * 1_000_000
