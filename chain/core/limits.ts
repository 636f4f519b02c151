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
