import { z } from 'zod'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import { emptyRequestsHash, headerHash } from '#chain/core/header.ts'
import { type Payload, resealPayload } from '#chain/core/payload.ts'
import type {
  ExecutionEngine,
  Forkchoice,
  ForkchoiceOutcome,
  PayloadAttributes,
  PayloadStatus,
} from '../engine.ts'
import { fromBuiltPayload, toExecutionPayload } from './execution-payload.ts'
import type { EngineRpc } from './rpc.ts'
import { createStateReads, readAs } from './state-reads.ts'

export interface HttpEngineDeps {
  /** The Engine API, with a token. */
  readonly engine: EngineRpc
  /** The client's own JSON-RPC, for reading. */
  readonly reads: EngineRpc
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
}

export interface HttpEngineOptions {
  /** Which payloads the client's rules have: `engine_getPayloadV4` of Prague, V5 of Osaka. */
  readonly fork: 'prague' | 'osaka'
}

const statusSchema = z.object({
  status: z.enum(['VALID', 'INVALID', 'INVALID_BLOCK_HASH', 'SYNCING', 'ACCEPTED']),
  validationError: z.string().nullish(),
})
const outcomeSchema = z.object({ payloadStatus: statusSchema, payloadId: z.string().nullish() })

/** Builds that are remembered until they are fetched, and timestamps of blocks. */
const rememberedMax = 1_024

/**
 * Execution by any client behind the Engine API. SYNCING and ACCEPTED both come out as `syncing`, which nobody
 * votes on. Calls throw the codes of `EngineRpc`.
 */
export function createHttpEngine(
  { engine, reads, keccak256 }: HttpEngineDeps,
  { fork }: HttpEngineOptions,
): ExecutionEngine {
  const builds = createMemory<string, Hex>() // the parent beacon block root, by payload id
  const times = createMemory<Hex, number>()
  const states = createStateReads(reads)
  const getMethod = fork === 'prague' ? 'engine_getPayloadV4' : 'engine_getPayloadV5'

  async function newPayload(payload: Payload): Promise<PayloadStatus> {
    const { header, blockHash } = payload
    if (blockHash !== headerHash(header)) return invalid('block hash is wrong')
    if (header.extraData.length !== 66) return invalid('extraData is not 32 bytes')
    if (header.requestsHash !== emptyRequestsHash) return invalid('requests are not of this chain')
    const { parentBeaconBlockRoot } = header
    const params = [toExecutionPayload(payload), [], parentBeaconBlockRoot, []]
    const status = statusOf(readAs(statusSchema, await engine.call('engine_newPayloadV4', params)))
    if (status.kind === 'valid') times.set(blockHash, header.timestamp)
    return status
  }

  async function forkchoiceUpdated(
    { head, safe, finalized }: Forkchoice,
    attributes?: PayloadAttributes,
  ): Promise<ForkchoiceOutcome> {
    if (attributes !== undefined) {
      const fault = timeFault(attributes.timestamp, times.get(head) ?? (await states.timeOf(head)))
      if (fault !== undefined) return { status: fault }
    }
    const state = { headBlockHash: head, safeBlockHash: safe, finalizedBlockHash: finalized }
    const asked = attributes === undefined ? null : attributesJson(attributes)
    const answer = await engine.call('engine_forkchoiceUpdatedV3', [state, asked])
    const { payloadStatus, payloadId } = readAs(outcomeSchema, answer)
    const status = statusOf(payloadStatus)
    if (attributes === undefined || typeof payloadId !== 'string') return { status }
    builds.set(payloadId, attributes.parentBeaconBlockRoot)
    return { status, payloadId }
  }

  async function getPayload(payloadId: string): Promise<Payload> {
    const parentBeaconBlockRoot = builds.get(payloadId)
    if (parentBeaconBlockRoot === undefined) {
      throw new AppError({ code: 'PAYLOAD_UNKNOWN', payloadId })
    }
    const answer = await engine.call(getMethod, [payloadId])
    return fromBuiltPayload(answer, parentBeaconBlockRoot, keccak256)
  }

  return {
    newPayload,
    forkchoiceUpdated,
    getPayload,
    reseal: resealPayload,
    read: states.read,
    balance: states.balance,
  }
}

function attributesJson(attributes: PayloadAttributes) {
  const { timestamp, feeRecipient, withdrawals, ...rest } = attributes
  return {
    ...rest,
    timestamp: `0x${timestamp.toString(16)}`,
    suggestedFeeRecipient: feeRecipient,
    withdrawals: withdrawals.map(({ index, validatorIndex, address, amountGwei }) => ({
      index: `0x${index.toString(16)}`,
      validatorIndex: `0x${validatorIndex.toString(16)}`,
      address,
      amount: `0x${amountGwei.toString(16)}`,
    })),
  }
}

/** Clients keep whole seconds, and each block later than its parent. */
function timeFault(timestamp: number, parent: number | undefined): PayloadStatus | undefined {
  if (!Number.isSafeInteger(timestamp)) return invalid('timestamp is not a whole second')
  if (parent === undefined) return { kind: 'syncing' }
  return timestamp > parent ? undefined : invalid('timestamp does not rise')
}

function statusOf({ status, validationError }: z.infer<typeof statusSchema>): PayloadStatus {
  if (status === 'VALID') return { kind: 'valid' }
  if (status === 'SYNCING' || status === 'ACCEPTED') return { kind: 'syncing' }
  return invalid(validationError ?? status)
}

function invalid(reason: string): PayloadStatus {
  return { kind: 'invalid', reason }
}

function createMemory<K, V>() {
  const values = new Map<K, V>()
  return {
    get: (key: K) => values.get(key),
    set(key: K, value: V) {
      values.set(key, value)
      const [oldest] = values.keys()
      if (values.size > rememberedMax && oldest !== undefined) values.delete(oldest)
    },
  }
}
