import { u64be } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { RpcContext, RpcMethods } from '../context.ts'
import { limitExceeded, serverError } from '../errors.ts'
import { findLogs, toQuery, toSpan } from '../logs.ts'
import { type FilterParam, filterParam, parse } from '../params.ts'
import { z } from 'zod'

type Filter =
  | { readonly kind: 'logs'; readonly filter: FilterParam }
  | { readonly kind: 'blocks' }
  | { readonly kind: 'transactions' }

interface Installed {
  readonly filter: Filter
  /** What the client has seen: a height, or a count of transactions. */
  seen: number
  usedMs: number
}

const idleMsMax = 300_000
const recentMax = 4096
const filterId = z.string().regex(/^0x[0-9a-f]{1,64}$/)

/** Logs, and filters that are asked again and again. */
export function logMethods(context: RpcContext): RpcMethods {
  const recent = createRecent()
  context.added.listen(({ hash }) => recent.push(hash))
  const filters = createFilters(context, recent)

  function logsOf(filter: FilterParam) {
    return findLogs(context, toQuery(filter), toSpan(context, filter))
  }

  return {
    eth_getLogs: (params) => logsOf(parse(params, filterParam)[0]),
    eth_newFilter: (params) =>
      filters.install({ kind: 'logs', filter: parse(params, filterParam)[0] }),
    eth_newBlockFilter: () => filters.install({ kind: 'blocks' }),
    eth_newPendingTransactionFilter: () => filters.install({ kind: 'transactions' }),
    eth_uninstallFilter: (params) => filters.remove(parse(params, filterId)[0]),
    eth_getFilterChanges: (params) =>
      changesOf(context, filters.need(parse(params, filterId)[0]), recent),
    eth_getFilterLogs(params) {
      const { filter } = filters.need(parse(params, filterId)[0])
      if (filter.kind !== 'logs') throw serverError('not a log filter')
      return logsOf(filter.filter)
    },
  }
}

interface Recent {
  push(hash: Hex): void
  count(): number
  since(count: number): readonly Hex[]
}

/** The hashes of the last transactions that came. */
function createRecent(): Recent {
  const hashes: Hex[] = []
  let count = 0
  return {
    push(hash) {
      count += 1
      hashes.push(hash)
      if (hashes.length > recentMax) hashes.shift()
    },
    count: () => count,
    since: (seen) => hashes.slice(Math.max(0, hashes.length - (count - seen))),
  }
}

/** Filters by id; one not asked for five minutes goes when room is needed. */
function createFilters({ chain, clock }: RpcContext, recent: Recent) {
  const filters = new Map<string, Installed>()
  let count = 0

  function install(filter: Filter): Hex {
    for (const [id, { usedMs }] of filters) {
      if (clock.nowMs() - usedMs > idleMsMax) filters.delete(id)
    }
    if (filters.size >= chainLimits.rpcFiltersMax) throw limitExceeded('too many filters')
    count += 1
    const id = unguessable(count, clock.nowMs())
    const seen = filter.kind === 'transactions' ? recent.count() : chain.head().header.number
    filters.set(id, { filter, seen, usedMs: clock.nowMs() })
    return id
  }

  function need(id: string): Installed {
    const installed = filters.get(id)
    if (installed === undefined) throw serverError('filter not found')
    installed.usedMs = clock.nowMs()
    return installed
  }

  return { install, need, remove: (id: string) => filters.delete(id) }
}

/** What is new since the filter was asked last. */
async function changesOf(
  context: RpcContext,
  installed: Installed,
  recent: Recent,
): Promise<readonly unknown[]> {
  const { filter, seen } = installed
  if (filter.kind === 'transactions') {
    installed.seen = recent.count()
    return recent.since(seen)
  }
  const head = context.chain.head().header.number
  const from = Math.max(seen + 1, head - chainLimits.logBlocksMax + 1)
  installed.seen = head
  if (filter.kind === 'logs') return newLogs(context, filter.filter, { from, head })
  const hashes: Hex[] = []
  for (let number = from; number <= head; number += 1) {
    hashes.push(context.chain.byNumber(number)?.blockHash ?? '0x')
  }
  return hashes
}

async function newLogs(
  context: RpcContext,
  filter: FilterParam,
  { from, head }: { readonly from: number; readonly head: number },
): Promise<unknown[]> {
  const { fromBlock, toBlock } = filter
  const first = typeof fromBlock === 'number' ? Math.max(fromBlock, from) : from
  const last = typeof toBlock === 'number' ? Math.min(toBlock, head) : head
  return first > last ? [] : findLogs(context, toQuery(filter), { from: first, to: last })
}

/** An id that does not repeat after a restart, so that no stale filter is taken for a new one. */
export function unguessable(count: number, nowMs: number): Hex {
  const digest = toHex(sha256(u64be(count), u64be(nowMs))).slice(2, 33)
  return `0x1${digest}`
}
