import type { Rng } from '#base/rng.ts'
import type { JobEntry } from '#p2p/network.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { TopicEntry } from '#wire/topic.ts'
import type { VirtualClock } from './clock.ts'

/** How messages travel. */
export interface Weather {
  readonly delayMsMax: number
  /** Share of messages that gossip loses; the job's log brings them later. */
  readonly dropRate: number
  readonly resendMsMax: number
}

/** A job's topic: each party has its own log, in the order in which entries reached it. */
export interface Topic {
  say(author: string, entry: TopicEntry): void
  entries(viewer: string): readonly JobEntry[]
  /** Hears what is in the log already, then what comes. */
  listen(viewer: string, listener: (entry: TopicEntry) => void): () => void
}

interface Log {
  readonly entries: JobEntry[]
  readonly said: TopicEntry[]
  readonly listeners: Set<(entry: TopicEntry) => void>
}

/** Creates the topic of parties, each called like its account. */
export function createTopic(
  { clock, rng, weather }: { clock: VirtualClock; rng: Rng; weather: Weather },
  parties: readonly string[],
): Topic {
  const logs = new Map<string, Log>(
    parties.map((party) => [party, { entries: [], said: [], listeners: new Set() }]),
  )
  let sequence = 0

  function say(author: string, entry: TopicEntry): void {
    const said: JobEntry = { author, sequence: (sequence += 1), body: canonicalBytes(entry) }
    for (const [party, log] of logs) {
      if (party === author) deliver(log, said, entry)
      else clock.at(delayMs(), () => deliver(log, said, entry))
    }
  }

  function delayMs(): number {
    const isLost = rng.below(1_000_000) < weather.dropRate * 1_000_000
    return 1 + rng.below(weather.delayMsMax) + (isLost ? rng.below(weather.resendMsMax) : 0)
  }

  function deliver(log: Log, said: JobEntry, entry: TopicEntry): void {
    log.entries.push(said)
    log.said.push(entry)
    for (const listener of log.listeners) listener(entry)
  }

  return {
    say,
    entries: (viewer) => logs.get(viewer)?.entries ?? [],
    listen(viewer, listener) {
      const log = logs.get(viewer)
      if (!log) throw new Error(`${viewer} is no party of the job`)
      for (const entry of log.said) listener(entry)
      log.listeners.add(listener)
      return () => log.listeners.delete(listener)
    },
  }
}
