import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type Header, emptyRequestsHash, headerHash } from '#chain/core/header.ts'
import { type Payload, encodeWithdrawal } from '#chain/core/payload.ts'
import { listRoot } from '../embedded/roots.ts'

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`))
    .transform((text) => text.toLowerCase() as Hex)
const anyBytes = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .transform((text) => text.toLowerCase() as Hex)
const quantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/)
  .transform((text) => BigInt(text))
const small = quantity.transform(Number).pipe(z.int().min(0))

/** `ExecutionPayloadV3` of the Engine API. */
const executionPayloadSchema = z.object({
  parentHash: hex(32),
  feeRecipient: hex(20),
  stateRoot: hex(32),
  receiptsRoot: hex(32),
  logsBloom: hex(256),
  prevRandao: hex(32),
  blockNumber: small,
  gasLimit: quantity,
  gasUsed: quantity,
  timestamp: small,
  extraData: anyBytes,
  baseFeePerGas: quantity,
  blockHash: hex(32),
  transactions: z.array(anyBytes).max(100_000),
  withdrawals: z
    .array(z.object({ index: small, validatorIndex: small, address: hex(20), amount: quantity }))
    .max(1_024),
  blobGasUsed: quantity,
  excessBlobGas: quantity,
})

const builtSchema = z.object({
  executionPayload: executionPayloadSchema,
  executionRequests: z.array(anyBytes).max(16).default([]),
})

const hexOf = (value: bigint | number): Hex => `0x${value.toString(16)}`

/** A payload as the Engine API carries it; the parent beacon block root travels beside it. */
export function toExecutionPayload({ blockHash, header, transactions, withdrawals }: Payload) {
  return {
    parentHash: header.parentHash,
    feeRecipient: header.feeRecipient,
    stateRoot: header.stateRoot,
    receiptsRoot: header.receiptsRoot,
    logsBloom: header.logsBloom,
    prevRandao: header.prevRandao,
    blockNumber: hexOf(header.number),
    gasLimit: hexOf(header.gasLimit),
    gasUsed: hexOf(header.gasUsed),
    timestamp: hexOf(header.timestamp),
    extraData: header.extraData,
    baseFeePerGas: hexOf(header.baseFeePerGas),
    blockHash,
    transactions: transactions.map(toHex),
    withdrawals: withdrawals.map(({ index, validatorIndex, address, amountGwei }) => ({
      index: hexOf(index),
      validatorIndex: hexOf(validatorIndex),
      address,
      amount: hexOf(amountGwei),
    })),
    blobGasUsed: '0x0',
    excessBlobGas: '0x0',
  }
}

/**
 * The block in an answer of `engine_getPayload`. Throws ENGINE_ANSWER_INVALID where it is not of this form, holds
 * blobs or requests, or has another hash than its fields give.
 */
export function fromBuiltPayload(
  answer: unknown,
  parentBeaconBlockRoot: Hex,
  keccak256: (bytes: Uint8Array) => Uint8Array,
): Payload {
  const parsed = builtSchema.safeParse(answer)
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  const { executionPayload: built, executionRequests } = parsed.data
  if (executionRequests.length > 0) throw invalid('requests are not of this chain')
  if (built.blobGasUsed !== 0n || built.excessBlobGas !== 0n) throw invalid('blobs')
  const transactions = built.transactions.map(fromHex)
  const withdrawals = built.withdrawals.map(({ amount, ...rest }) => ({
    ...rest,
    amountGwei: amount,
  }))
  const header: Header = {
    parentHash: built.parentHash,
    feeRecipient: built.feeRecipient,
    stateRoot: built.stateRoot,
    transactionsRoot: toHex(listRoot(transactions, keccak256)),
    receiptsRoot: built.receiptsRoot,
    logsBloom: built.logsBloom,
    number: built.blockNumber,
    gasLimit: built.gasLimit,
    gasUsed: built.gasUsed,
    timestamp: built.timestamp,
    extraData: built.extraData,
    prevRandao: built.prevRandao,
    baseFeePerGas: built.baseFeePerGas,
    withdrawalsRoot: toHex(listRoot(withdrawals.map(encodeWithdrawal), keccak256)),
    parentBeaconBlockRoot,
    requestsHash: emptyRequestsHash,
  }
  if (headerHash(header) !== built.blockHash) throw invalid('the block hash is another')
  return { blockHash: built.blockHash, header, transactions, withdrawals }
}

function invalid(reason: string): AppError {
  return new AppError({ code: 'ENGINE_ANSWER_INVALID', reason })
}
