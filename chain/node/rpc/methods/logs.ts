import { createHash } from 'node:crypto'
import { type Hex } from '#base/hex.ts'
import { chainLimits } from '../../../core/limits.ts'
import type { RpcContext, RpcMethods } from '../context.ts'
import { limitExceeded, serverError } from '../errors.ts'
import { findLogs, toQuery, toSpan } from '../logs.ts'
import { type FilterParam, filterParam, parse, hexQuantity } from '../params.ts'
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
  const { chain, clock } = context
  const filters = new Map<string, Installed>()
  const recent: Hex[] = []
  let recentCount = 0
  let installedCount = 0
  context.transactions.added.listen(({ hash }) => {
    recentCount += 1
    recent.push(hash)
    if (recent.length > recentMax) recent.shift()
  })

  function install(filter: Filter): Hex {
    for (const [id, { usedMs }] of filters) {
      if (clock.nowMs() - usedMs > idleMsMax) filters.delete(id)
    }
    if (filters.size >= chainLimits.rpcFiltersMax) throw limitExceeded('too many filters')
    installedCount += 1
    const id = unguessable(installedCount, clock.nowMs())
    const seen = filter.kind === 'transactions' ? recentCount : chain.head().header.number
    filters.set(id, { filter, seen, usedMs: clock.nowMs() })
    return id
  }

  function need(id: string): Installed {
    const installed = filters.get(id)
    if (installed === undefined) throw serverError('filter not found')
    installed.usedMs = clock.nowMs()
    return installed
  }

  async function changes(installed: Installed): Promise<unknown[]> {
    const { filter, seen } = installed
    if (filter.kind === 'transactions') {
      installed.seen = recentCount
      return recent.slice(Math.max(0, recent.length - (recentCount - seen)))
    }
    const head = chain.head().header.number
    const from = Math.max(seen + 1, head - chainLimits.logBlocksMax + 1)
    installed.seen = head
    if (filter.kind === 'logs') return newLogs(filter.filter, from, head)
    const hashes: Hex[] = []
    for (let number = from; number <= head; number += 1) {
      hashes.push(chain.byNumber(number)?.blockHash ?? '0x')
    }
    return hashes
  }

  async function newLogs(filter: FilterParam, from: number, head: number): Promise<unknown[]> {
    const first = typeof filter.fromBlock === 'number' ? Math.max(filter.fromBlock, from) : from
    const last = typeof filter.toBlock === 'number' ? Math.min(filter.toBlock, head) : head
    return first > last ? [] : findLogs(context, toQuery(filter), { from: first, to: last })
  }

  return {
    eth_getLogs(params) {
      const [filter] = parse(params, filterParam)
      return findLogs(context, toQuery(filter), toSpan(context, filter))
    },
    eth_newFilter: (params) => install({ kind: 'logs', filter: parse(params, filterParam)[0] }),
    eth_newBlockFilter: () => install({ kind: 'blocks' }),
    eth_newPendingTransactionFilter: () => install({ kind: 'transactions' }),
    eth_uninstallFilter: (params) => filters.delete(parse(params, filterId)[0]),
    eth_getFilterChanges: (params) => changes(need(parse(params, filterId)[0])),
    eth_getFilterLogs(params) {
      const { filter } = need(parse(params, filterId)[0])
      if (filter.kind !== 'logs') throw serverError('not a log filter')
      return findLogs(context, toQuery(filter.filter), toSpan(context, filter.filter))
    },
  }
}

/** An id that does not repeat after a restart, so that no stale filter is taken for a new one. */
export function unguessable(count: number, nowMs: number): Hex {
  const digest = createHash('sha256').update(`${count}/${nowMs}/${process.pid}`).digest('hex')
  return hexQuantity(BigInt(`0x1${digest.slice(0, 31)}`))
}
