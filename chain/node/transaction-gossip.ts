import { RLP } from '@ethereumjs/rlp'
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/log.ts'
import type { Network, TopicMessage, Verdict } from '#p2p/network.ts'
import { limits } from '#wire/limits.ts'
import { topicOf } from '#wire/topic.ts'
import type { Transactions } from './transactions.ts'

export interface TransactionGossipDeps {
  readonly network: Pick<Network, 'openTopic' | 'drop'>
  readonly transactions: Transactions
  readonly clock: Clock
  readonly logger: Logger
}

/** What a message holds at most; a larger transaction waits until its own node proposes. */
const messageBytesMax = limits.gossipMessageBytesMax - 1_024
/** Transactions that come so close together share a message: each costs every node about a millisecond. */
const gatherMs = 20
const againMs = 5_000
const banMs = 600_000

/**
 * Shares transactions with other nodes: what is submitted here is published, what others publish goes to the
 * pool. Those that wait on this node's disk are told again to peers that join. The returned function ends it.
 */
export async function joinTransactionGossip(
  { network, transactions, clock, logger }: TransactionGossipDeps,
  chainId: number,
): Promise<() => Promise<void>> {
  const ending = new AbortController()
  let gathered: Uint8Array[] = []
  let sizeBytes = 0
  let toldMs = 0

  function take({ from, body }: TopicMessage): Verdict {
    const raws = listOf(body)
    const outcomes = raws?.map((raw) => transactions.take(raw)) ?? ['invalid' as const]
    if (outcomes.includes('invalid')) {
      logger.warn({ from }, 'a peer passed on what is no transaction')
      network.drop(from, { forMs: banMs })
      return 'reject'
    }
    return outcomes.includes('added') ? 'accept' : 'ignore'
  }

  const topic = await network.openTopic(topicOf.transaction(chainId), {
    validate: take,
    onMessage: () => undefined,
  })

  function flush(): void {
    if (gathered.length === 0) return
    const message = RLP.encode(gathered)
    gathered = []
    sizeBytes = 0
    topic.publish(message).catch((error: unknown) => {
      logger.warn({ error: String(error) }, 'transactions were not shared')
    })
  }

  function share(raw: Uint8Array): void {
    if (raw.length > messageBytesMax) return
    if (sizeBytes + raw.length + 8 > messageBytesMax) flush()
    if (gathered.length === 0) {
      clock.sleep(gatherMs, ending.signal).then(flush, () => undefined) // it ends with us
    }
    gathered.push(raw)
    sizeBytes += raw.length + 8
  }

  async function shareAgain(): Promise<void> {
    if (toldMs + againMs > clock.nowMs()) return
    toldMs = clock.nowMs()
    for await (const raw of transactions.kept()) share(raw)
  }

  const ends = [
    transactions.submitted.listen(({ raw }) => share(raw)),
    topic.onJoin(() => {
      shareAgain().catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'waiting transactions were not shared')
      })
    }),
  ]

  return async () => {
    ending.abort()
    for (const end of ends) end()
    await topic.close()
  }
}

function listOf(body: Uint8Array): readonly Uint8Array[] | undefined {
  try {
    const raws: unknown = RLP.decode(body)
    const isList = Array.isArray(raws) && raws.every((raw) => raw instanceof Uint8Array)
    return isList ? raws : undefined
  } catch {
    return undefined
  }
}
