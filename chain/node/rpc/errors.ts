import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import type { CallOutcome } from '#chain/exec/embedded/simulate.ts'

/** An error as JSON-RPC answers it. */
export interface RpcFailure {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** A request that has an error for its answer. */
export class RpcError extends Error {
  readonly failure: RpcFailure

  constructor(failure: RpcFailure) {
    super(failure.message)
    this.name = 'RpcError'
    this.failure = failure
  }
}

export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  limitExceeded: -32005,
  reverted: 3,
  /** As clients that expire old history answer (EIP-4444). */
  pruned: 4444,
} as const

export function invalidParams(message: string): RpcError {
  return new RpcError({ code: rpcCodes.invalidParams, message })
}

export function serverError(message: string): RpcError {
  return new RpcError({ code: rpcCodes.server, message })
}

export function limitExceeded(message: string): RpcError {
  return new RpcError({ code: rpcCodes.limitExceeded, message })
}

/** Texts that wallets and libraries look for, as the widely used clients write them. */
const rejections: Readonly<Record<string, string>> = {
  NONCE_TOO_LOW: 'nonce too low',
  NONCE_TOO_HIGH: 'nonce too high',
  INSUFFICIENT_FUNDS: 'insufficient funds for gas * price + value',
  REPLACEMENT_UNDERPRICED: 'replacement transaction underpriced',
  ALREADY_KNOWN: 'already known',
  SENDER_FULL: 'account limit exceeded',
  POOL_FULL: 'txpool is full',
  GAS_BELOW_INTRINSIC: 'intrinsic gas too low',
  GAS_ABOVE_CAP: 'transaction gas limit too high',
  GAS_ABOVE_BLOCK: 'exceeds block gas limit',
}

/** What a client is told of an error. Bugs of ours are told apart from what the world did wrong. */
export function failureOf(error: unknown): RpcFailure {
  if (error instanceof RpcError) return error.failure
  if (!(error instanceof AppError)) return { code: rpcCodes.internal, message: 'internal error' }
  const reason = typeof error.fields['reason'] === 'string' ? error.fields['reason'] : ''
  if (error.code === 'TRANSACTION_REJECTED') {
    return { code: rpcCodes.server, message: rejections[reason] ?? reason }
  }
  if (error.code === 'TRANSACTION_INVALID') {
    return { code: rpcCodes.server, message: `invalid transaction: ${reason}` }
  }
  if (error.code === 'STATE_UNKNOWN') {
    return { code: rpcCodes.server, message: 'state of that block is no longer kept' }
  }
  if (error.code === 'HISTORY_PRUNED') {
    const { number, oldest } = error.fields
    const message = `pruned history unavailable: block ${String(number)} is below ${String(oldest)}, the oldest kept here`
    return { code: rpcCodes.pruned, message }
  }
  if (error.code === 'TRACE_TOO_LARGE') {
    return {
      code: rpcCodes.limitExceeded,
      message: 'trace too large: use the callTracer, or leave memory, stack and storage out',
    }
  }
  if (error.code === 'BUSY') return { code: rpcCodes.limitExceeded, message: 'too many requests' }
  return { code: rpcCodes.server, message: error.message }
}

/** The output of a call, or the error that says why there is none. */
export function outputOf(outcome: CallOutcome): Uint8Array {
  if (outcome.kind === 'done') return outcome.output
  if (outcome.kind === 'failed') throw serverError(outcome.reason)
  const reason = revertReason(outcome.output)
  const message = reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
  throw new RpcError({ code: rpcCodes.reverted, message, data: toHex(outcome.output) })
}

const errorSelector: Hex = '0x08c379a0'
const panicSelector: Hex = '0x4e487b71'

/** The text of Solidity's Error(string), or the code of its Panic(uint256). */
export function revertReason(output: Uint8Array): string | undefined {
  const selector = toHex(output.subarray(0, 4))
  if (selector === panicSelector && output.length === 36) {
    return `panic code ${toHex(output.subarray(35))}`
  }
  if (selector !== errorSelector || output.length < 68) return undefined
  const length = Number(BigInt(toHex(output.subarray(36, 68))))
  if (!Number.isSafeInteger(length) || 68 + length > output.length) return undefined
  return new TextDecoder().decode(output.subarray(68, 68 + length))
}
