import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { chainLimits } from '#chain/core/limits.ts'
import { encodePayload } from '#chain/core/payload.ts'
import type {
  HeaderOverrides,
  SimulatedBlock,
  SimulatedCall,
} from '#chain/exec/embedded/simulate-blocks.ts'
import { type RpcContext, type RpcMethods, needBlock } from '../context.ts'
import { RpcError, limitExceeded, revertReason, rpcCodes } from '../errors.ts'
import { blockJson, logJson, transactionJson } from '../format.ts'
import {
  address,
  callParam,
  hash,
  hexQuantity,
  latest,
  overridesParam,
  parse,
  quantity,
} from '../params.ts'

const headerParam = z
  .object({
    number: quantity.transform(Number).nullish(),
    time: quantity.transform(Number).nullish(),
    gasLimit: quantity.nullish(),
    feeRecipient: address.nullish(),
    prevRandao: hash.nullish(),
    baseFeePerGas: quantity.nullish(),
    withdrawals: z.array(z.never('withdrawals are not simulated')).nullish(),
  })
  .transform(({ number, time, gasLimit, feeRecipient, prevRandao, baseFeePerGas }) => {
    const given = { number, timestamp: time, gasLimit, feeRecipient, prevRandao, baseFeePerGas }
    const entries = Object.entries(given).filter(
      ([, value]) => value !== undefined && value !== null,
    )
    return Object.fromEntries(entries) as HeaderOverrides
  })
const simulateParam = z.object({
  blockStateCalls: z
    .array(
      z.object({
        blockOverrides: headerParam.nullish(),
        stateOverrides: overridesParam.nullish(),
        calls: z.array(callParam).nullish(),
      }),
    )
    .min(1, 'empty input'),
  validation: z.boolean().nullish(),
  returnFullTransactions: z.boolean().nullish(),
  traceTransfers: z.boolean().nullish(),
})

/** Codes that the public specification of eth_simulateV1 gives to faults of a message. */
const faultCodes: Readonly<Record<string, readonly [number, string]>> = {
  NONCE_TOO_LOW: [-38010, 'nonce too low'],
  NONCE_TOO_HIGH: [-38011, 'nonce too high'],
  FEE_BELOW_BASE: [-38012, 'max fee per gas less than block base fee'],
  GAS_BELOW_INTRINSIC: [-38013, 'intrinsic gas too low'],
  INSUFFICIENT_FUNDS: [-38014, 'insufficient funds for gas * price + value'],
  GAS_ABOVE_BLOCK: [-38015, 'block gas limit reached'],
  GAS_ABOVE_CAP: [-38015, 'transaction gas limit too high'],
  SENDER_HAS_CODE: [-38024, 'sender is not an externally owned account'],
}
const orderCodes: Readonly<Record<string, number>> = { number: -38020, timestamp: -38021 }
const tooLongCode = -38026
const vmErrorCode = -32015

/** Whole blocks tried out on the state and forgotten. */
export function simulateMethods({ chain, simulateBlocks }: RpcContext): RpcMethods {
  return {
    async eth_simulateV1(params) {
      const [request, at] = parse(params, simulateParam, latest)
      const requests = request.blockStateCalls.map((one) => ({
        header: one.blockOverrides ?? {},
        accounts: one.stateOverrides ?? new Map<Hex, never>(),
        calls: one.calls ?? [],
      }))
      const count = requests.reduce((sum, { calls }) => sum + calls.length, 0)
      if (count > chainLimits.simulatedCallsMax) {
        throw limitExceeded(`at most ${chainLimits.simulatedCallsMax} calls`)
      }
      const options = {
        isValidating: request.validation === true,
        withTransfers: request.traceTransfers === true,
      }
      const blocks = await simulateBlocks(needBlock(chain, at), requests, options).catch(tell)
      return blocks.map((block) => toJson(block, request.returnFullTransactions === true))
    },
  }
}

function tell(error: unknown): never {
  if (!(error instanceof AppError)) throw error
  const { reason, index, what } = error.fields
  if (error.code === 'SIMULATION_INVALID') {
    const [code, message] = faultCodes[String(reason)] ?? [rpcCodes.server, String(reason)]
    throw new RpcError({ code, message: `call ${String(index)}: ${message}` })
  }
  if (error.code === 'SIMULATION_ORDER') {
    const code = orderCodes[String(what)] ?? rpcCodes.invalidParams
    throw new RpcError({ code, message: `block ${String(what)} does not rise` })
  }
  if (error.code === 'SIMULATION_TOO_LONG') {
    const message = `at most ${chainLimits.simulatedBlocksMax} blocks`
    throw new RpcError({ code: tooLongCode, message })
  }
  throw error
}

function toJson({ payload, calls }: SimulatedBlock, isFull: boolean) {
  const transactions = calls.map(({ decoded }, index) =>
    isFull ? transactionJson(decoded, { block: payload, index }) : decoded.hash,
  )
  let firstLog = 0
  const results = calls.map((call, index) => {
    const json = callJson(call, { block: payload, index, firstLog })
    firstLog += call.logs.length
    return json
  })
  return {
    ...blockJson(payload, { transactions, sizeBytes: encodePayload(payload).length }),
    calls: results,
  }
}

interface Spot {
  readonly block: SimulatedBlock['payload']
  readonly index: number
  readonly firstLog: number
}

function callJson({ receipt, logs, output, error, decoded }: SimulatedCall, spot: Spot) {
  const place = { ...spot, transactionHash: decoded.hash }
  return {
    returnData: toHex(output),
    logs: logs.map((log, i) => logJson(log, { ...place, logIndex: spot.firstLog + i })),
    gasUsed: hexQuantity(receipt.gasUsed),
    status: error === undefined ? '0x1' : '0x0',
    ...(error === undefined ? {} : { error: failureJson(error, output) }),
  }
}

function failureJson(error: string, output: Uint8Array) {
  if (error !== 'revert') return { code: vmErrorCode, message: error }
  const reason = revertReason(output)
  const message = reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
  return { code: rpcCodes.reverted, message, data: toHex(output) }
}
