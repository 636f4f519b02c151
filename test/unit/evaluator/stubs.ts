import type { Head, JobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { JobTopic } from '#p2p/network.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Case, say } from './case.ts'

/** Heights at which the case's beacons stand. */
export const beaconHeight = 5n
export const auditHeight = 9n

/** A feed of one job whose view and time are set by hand. */
export interface OneJobFeed extends JobFeed {
  set(change: Partial<JobView>): void
  move(timestamp: bigint): void
}

export function feedOf({ arena, auditSeed }: Case, first: JobView, timestamp: bigint): OneJobFeed {
  let view = first
  let head: Head = { number: 20n, timestamp }
  const changes = new Set<(view: JobView) => void>()
  const heads = new Set<(head: Head) => void>()
  const listen = <T>(listeners: Set<T>, listener: T) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  return {
    start: async () => undefined,
    stop: async () => undefined,
    head: () => head,
    jobs: () => [view],
    job: (jobId) => (jobId === view.jobId ? view : undefined),
    onChange: (listener) => listen(changes, listener),
    onHead: (listener) => listen(heads, listener),
    waitFor: async () => view,
    randomness: async (height) => {
      if (height === beaconHeight) return arena.course.beacon
      return height === auditHeight ? auditSeed : undefined
    },
    set(change) {
      view = { ...view, ...change }
      for (const listener of changes) listener(view)
    },
    move(next) {
      head = { number: head.number + 1n, timestamp: next }
      for (const listener of heads) listener(head)
    },
  }
}

/** A registry in which peers are called like the accounts that registered them. */
export const registry: Registry = {
  entryOf: async (owner) => ({
    owner,
    operator: owner,
    isWorker: true,
    isEvaluator: true,
    x25519Key: owner,
    peerId: owner,
  }),
  ownerOf: async (operator) => operator,
}

/** The case's topic as one peer has it. */
export function topicOf(made: Case, self: Hex): JobTopic {
  return {
    append: async (body) => {
      say(made, self, JSON.parse(new TextDecoder().decode(body)))
      return { author: self, sequence: made.entries.length, body }
    },
    entries: () => made.entries,
    onEntry: () => () => undefined,
    sync: async () => undefined,
    peers: () => ['a peer'],
    close: async () => undefined,
  }
}
