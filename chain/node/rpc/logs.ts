import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Payload } from '#chain/core/payload.ts'
import { type ReceiptLog, mayHold } from '#chain/exec/embedded/receipt.ts'
import { type RpcContext, canonical, findBlock } from './context.ts'
import { invalidParams, limitExceeded, serverError } from './errors.ts'
import { logJson } from './format.ts'
import type { BlockParam, FilterParam } from './params.ts'

/** What logs must have: one of the addresses, and at each place one of the topics. */
export interface LogQuery {
  readonly addresses: readonly Hex[]
  readonly topics: readonly (readonly Hex[])[]
}

/** The query of a filter parameter; empty lists ask for anything. */
export function toQuery({ address, topics }: FilterParam): LogQuery {
  return {
    addresses: address === null || address === undefined ? [] : [address].flat(),
    topics: (topics ?? []).map((topic) => (topic === null ? [] : [topic].flat())),
  }
}

/** The heights a filter parameter covers. Throws where it covers too many, or blocks that do not exist. */
export function toSpan({ chain }: RpcContext, filter: FilterParam): { from: number; to: number } {
  if (filter.blockHash !== null && filter.blockHash !== undefined) {
    const block = canonical(chain, filter.blockHash)
    if (block === undefined) throw serverError('unknown block')
    return { from: block.header.number, to: block.header.number }
  }
  const head = chain.head().header.number
  const heightOf = (param: BlockParam | null | undefined): number => {
    if (typeof param === 'number') return param
    return findBlock(chain, param ?? 'latest')?.header.number ?? head
  }
  const from = heightOf(filter.fromBlock)
  const to = Math.min(heightOf(filter.toBlock), head)
  if (from > heightOf(filter.toBlock)) throw invalidParams('fromBlock is above toBlock')
  if (to - from >= chainLimits.logBlocksMax) {
    throw limitExceeded(`at most ${chainLimits.logBlocksMax} blocks a query`)
  }
  return { from, to }
}

/** Matching logs of a span of blocks, in order. Throws where there are too many. */
export async function findLogs(
  context: RpcContext,
  query: LogQuery,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<unknown[]> {
  const mayMatch = bloomTest(query, context.keccak256)
  const found: unknown[] = []
  for await (const { number, logsBloom } of context.chain.logBlocks(from, to)) {
    if (!mayMatch(logsBloom)) continue
    const block = context.chain.byNumber(number)
    if (block !== undefined) found.push(...blockLogs(context, query, block))
    if (found.length > chainLimits.logResultsMax) {
      throw limitExceeded(`at most ${chainLimits.logResultsMax} logs a query`)
    }
  }
  return found
}

/** Matching logs of one block. */
export function blockLogs({ chain }: RpcContext, query: LogQuery, block: Payload): unknown[] {
  const found: unknown[] = []
  let logIndex = 0
  for (const [index, { logs, transactionHash }] of chain.receipts(block).entries()) {
    for (const log of logs) {
      if (matches(log, query)) found.push(logJson(log, { block, index, transactionHash, logIndex }))
      logIndex += 1
    }
  }
  return found
}

function matches(log: ReceiptLog, { addresses, topics }: LogQuery): boolean {
  if (addresses.length > 0 && !addresses.includes(toHex(log.address))) return false
  return topics.every((wanted, place) => {
    const topic = log.topics[place]
    if (topic === undefined) return false
    return wanted.length === 0 || wanted.includes(toHex(topic))
  })
}

function bloomTest({ addresses, topics }: LogQuery, keccak256: (bytes: Uint8Array) => Uint8Array) {
  const groups = [addresses, ...topics]
    .filter((group) => group.length > 0)
    .map((group) => group.map((item) => keccak256(fromHex(item))))
  return (bloom: Uint8Array) =>
    groups.every((group) => group.some((itemHash) => mayHold(bloom, itemHash)))
}
