import type { Result, Terms } from '#chain/client/terms.ts'
import type { Head, JobFeed } from '#chain/client/feed.ts'
import type { Registry, RegistryEntry } from '#chain/client/registry.ts'
import type { JobView, PresentedUpdate } from '#chain/client/view.ts'
import { AppError } from '#base/error.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { u64be } from '#base/bytes.ts'
import { toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'
import { sampleView } from '#test/unit/worker/terms.ts'

/** A JobManager in memory: one job, its calls as functions, its events as views. For tests of the worker. */
export interface Market {
  readonly feed: JobFeed
  readonly registry: Registry
  /** The calls of one owner's transactor. */
  chainOf(owner: Hex): { send: (...call: unknown[]) => Promise<never>; read: () => Promise<never> }
  view(): JobView
  change(fields: Partial<JobView>): void
  /** A verdict that names these workers: the others start again. */
  slash(workers: readonly Hex[]): void
  /** What was called, by contract function name. */
  readonly calls: readonly string[]
}

/** Creates the market with its job assigned to `entries`, in their order. */
export function createMarket(posted: {
  jobId: Hex
  terms: Terms
  entries: readonly RegistryEntry[]
}): Market {
  const { jobId, terms, entries } = posted
  const listeners = new Set<(view: JobView) => void>()
  const calls: string[] = []
  let view: JobView = sampleView({
    jobId,
    terms,
    phase: 'running',
    workers: entries.map(({ owner }) => owner),
    active: entries.map((_, i) => i),
    beaconHeight: 2n,
  })

  function change(fields: Partial<JobView>): void {
    view = { ...view, ...fields, lastBlock: view.lastBlock + 1n }
    for (const listener of listeners) listener(view)
  }

  const feed: JobFeed = {
    start: async () => undefined,
    stop: async () => undefined,
    head: (): Head => ({ number: view.lastBlock, timestamp: view.lastBlock }),
    jobs: () => [view],
    job: (id) => (id === jobId ? view : undefined),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onHead: () => () => undefined,
    async waitFor(_id, condition, { signal }) {
      return new Promise((resolve, reject) => {
        if (condition(view)) return resolve(view)
        if (signal.aborted) return reject(signal.reason as Error)
        const listener = (next: JobView) => {
          if (!condition(next)) return
          listeners.delete(listener)
          resolve(next)
        }
        const onAbort = () => {
          listeners.delete(listener)
          reject(signal.reason as Error)
        }
        listeners.add(listener)
        signal.addEventListener('abort', onAbort, { once: true })
      })
    },
    randomness: async (height) => toHex(sha256(u64be(height))),
  }

  function submit(owner: Hex, result: Result): void {
    const results = [...view.results, { worker: owner, ...result }]
    const isAll = view.active.every((i) => results.some(({ worker }) => worker === view.workers[i]))
    // Always the same height, so that every run draws the same steps.
    const height = 1000n + BigInt(view.attempt)
    const seeded = { phase: 'submitted', auditHeight: height, seedHeight: height } as const
    change({ results, ...(isAll && seeded) })
  }

  /** The first call presents; any later one closes: time is the caller's. */
  function closeRound(
    round: number,
    updates: readonly { operator: Hex; updateRoot: Hex; cidDigest: Hex }[],
  ) {
    const { attempt } = view
    if (view.closedRounds.some((closed) => closed.round === round && closed.attempt === attempt)) {
      throw new AppError({ code: 'REVERTED', reason: 'RoundIsClosed' })
    }
    const known = view.presented.filter((p) => p.round === round && p.attempt === attempt)
    const fresh = updates.flatMap(({ operator, updateRoot, cidDigest }): PresentedUpdate[] => {
      const worker = entries.find((entry) => entry.operator === operator)?.owner
      if (!worker || known.some((p) => p.worker === worker)) return []
      return [{ attempt, round, worker, updateRoot, cidDigest }]
    })
    const presented = [...view.presented, ...fresh]
    const ofRound = [...known, ...fresh]
    const isClosed = updates.length === 0 && known.length > 0
    const inOrder = view.workers.flatMap((worker) => ofRound.filter((p) => p.worker === worker))
    const closed = { attempt, round, updates: inOrder }
    change({ presented, ...(isClosed ? { closedRounds: [...view.closedRounds, closed] } : {}) })
  }

  function chainOf(owner: Hex) {
    return {
      read: () => Promise.reject(new AppError({ code: 'RPC_DOWN' })),
      async send(_contract: unknown, name: unknown, args: unknown) {
        calls.push(String(name))
        const [, second, third] = args as [Terms, unknown, unknown]
        if (name === 'submitResult') submit(owner, second as Result)
        else if (name === 'closeRound') closeRound(second as number, third as never)
        else throw new AppError({ code: 'REVERTED', reason: 'Unknown' })
        return { hash: '0x', blockNumber: view.lastBlock, gasUsed: 0n } as never
      },
    }
  }

  return {
    feed,
    registry: {
      async entryOf(owner) {
        const found = entries.find((entry) => entry.owner === owner)
        if (!found) throw new AppError({ code: 'NOT_REGISTERED', owner })
        return found
      },
      ownerOf: async (operator) => entries.find((entry) => entry.operator === operator)?.owner,
    },
    chainOf,
    view: () => view,
    change,
    slash(workers) {
      const active = view.active.filter((i) => !workers.includes(view.workers[i] as Hex))
      const fields = { results: [], auditHeight: undefined, attempt: view.attempt + 1 } as const
      change({ phase: 'running', active, ...fields })
    },
    calls,
  }
}
