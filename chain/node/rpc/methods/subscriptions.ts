import { z } from 'zod'
import type { Hex } from '#base/hex.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { RpcContext, RpcMethods, Session } from '../context.ts'
import { limitExceeded, serverError } from '../errors.ts'
import { headerJson, transactionJson } from '../format.ts'
import { blockLogs, toQuery } from '../logs.ts'
import { filterParam, parse } from '../params.ts'
import { unguessable } from './logs.ts'

const kind = z.enum(['newHeads', 'logs', 'newPendingTransactions', 'syncing'])
const subscriptionId = z.string().regex(/^0x[0-9a-f]{1,64}$/)

/** What a WebSocket connection is told as it happens. */
export function subscriptionMethods(context: RpcContext): RpcMethods {
  let count = 0

  function subscribe(session: Session, params: readonly unknown[]): Hex {
    if (session.subscriptions.size >= chainLimits.rpcSubscriptionsMax) {
      throw limitExceeded('too many subscriptions')
    }
    count += 1
    const id = unguessable(count, context.clock.nowMs())
    session.subscriptions.set(
      id,
      listen(context, params, (result) => session.notify(id, result)),
    )
    return id
  }

  function unsubscribe(session: Session, id: Hex): boolean {
    session.subscriptions.get(id)?.()
    return session.subscriptions.delete(id)
  }

  return {
    eth_subscribe: (params, session) => subscribe(need(session), params),
    eth_unsubscribe: (params, session) =>
      unsubscribe(need(session), parse(params, subscriptionId)[0] as Hex),
  }
}

function need(session: Session | undefined): Session {
  if (session === undefined) throw serverError('notifications not supported')
  return session
}

function listen(
  context: RpcContext,
  params: readonly unknown[],
  tell: (result: unknown) => void,
): () => void {
  const [topic] = parse(params, kind)
  const { blocks, added, decode } = context
  if (topic === 'newHeads') {
    return blocks.listen(({ blockHash, header }) => tell(headerJson(blockHash, header)))
  }
  if (topic === 'newPendingTransactions') {
    const [, withObjects] = parse(params, kind, z.boolean().default(false))
    return added.listen(({ hash, raw }) => tell(withObjects ? transactionJson(decode(raw)) : hash))
  }
  if (topic === 'syncing') return () => undefined
  const query = toQuery(parse(params, kind, filterParam.default({}))[1])
  return blocks.listen((block) => {
    for (const log of blockLogs(context, query, block)) tell(log)
  })
}
