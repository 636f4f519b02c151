import type { TopicMessage } from '#p2p/network.ts'

/** Messages of the next epoch that came before this node was there: nobody can check them yet. */
export interface EarlyMessages {
  /** Keeps a message for a while, unless its author or all together have sent too many. */
  keep(epoch: number, message: TopicMessage): void
  /** Gives out those of an epoch; older ones are forgotten. */
  take(epoch: number): readonly TopicMessage[]
}

const messagesMax = 1_024
const messagesOfOneMax = 64

/** Creates an empty place for them. */
export function createEarlyMessages(): EarlyMessages {
  let kept: (readonly [epoch: number, message: TopicMessage])[] = []

  return {
    keep(epoch, message) {
      const count = kept.filter(([, { author }]) => author === message.author).length
      if (kept.length < messagesMax && count < messagesOfOneMax) kept.push([epoch, message])
    },
    take(epoch) {
      const taken = kept.filter(([of]) => of === epoch).map(([, message]) => message)
      kept = kept.filter(([of]) => of > epoch)
      return taken
    },
  }
}
