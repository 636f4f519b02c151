import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { unpackEnvelopes } from './envelope.ts'
import type { JobLog } from './job-log.ts'
import { p2pLimits } from './limits.ts'
import type { Network } from './network.ts'

/** The protocol that answers "everything since sequence n of each author". */
export const replayProtocol = '/quern/job-log/1'

const syncPeersMax = 16

/** Fills the gaps of a job's log from its peers: one peer in turn, and each newcomer at once. */
export interface JobSync extends Service {
  /** Asks all peers of the topic. */
  sync(signal?: AbortSignal): Promise<void>
  /** A peer began to follow the topic. */
  welcome(peerId: string): void
}

export interface JobSyncDeps {
  readonly network: Network
  readonly clock: Clock
  readonly log: Logger
  readonly jobId: string
  readonly jobLog: JobLog
  readonly peers: () => readonly string[]
  /** Verifies and keeps an entry; true when it was new. */
  readonly admit: (bytes: Uint8Array) => Promise<boolean>
}

/** Gossip forgets after a few seconds; what it lost comes from here. */
export function createJobSync(deps: JobSyncDeps): JobSync {
  const { network, clock, jobId } = deps
  const stopping = new AbortController()
  const newcomers = new Set<string>()
  let wake = () => {}
  let running: Promise<void> | undefined

  /** Asks one peer until it has nothing new. A peer that fails is asked again in a later turn. */
  async function syncFrom(peerId: string, signal: AbortSignal): Promise<void> {
    try {
      let added = 1
      while (added > 0) {
        const request = canonicalBytes({ jobId, missing: deps.jobLog.missing() })
        const answer = await network.request(peerId, replayProtocol, request, { signal })
        added = 0
        for (const bytes of unpackEnvelopes(answer)) if (await deps.admit(bytes)) added += 1
      }
    } catch (error) {
      deps.log.debug({ code: codeOf(error), peerId, jobId }, 'no replay from this peer')
    }
  }

  async function sync(signal?: AbortSignal): Promise<void> {
    const either = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal
    for (const peerId of deps.peers().slice(0, syncPeersMax)) {
      either.throwIfAborted()
      await syncFrom(peerId, either)
    }
  }

  function nextPeer(turn: number): string | undefined {
    const [newcomer] = newcomers
    if (newcomer !== undefined) {
      newcomers.delete(newcomer)
      return newcomer
    }
    const peers = deps.peers()
    return peers[turn % Math.max(peers.length, 1)]
  }

  async function loop(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += 1) {
      const peerId = nextPeer(turn)
      if (peerId !== undefined) await syncFrom(peerId, signal)
      if (newcomers.size === 0) await rest(signal)
    }
  }

  async function rest(signal: AbortSignal): Promise<void> {
    const resting = new AbortController()
    wake = () => resting.abort()
    const either = AbortSignal.any([signal, resting.signal])
    await clock.sleep(p2pLimits.jobLogSyncIntervalMs, either).catch(() => undefined)
  }

  return {
    sync,
    welcome(peerId) {
      if (newcomers.size < syncPeersMax) newcomers.add(peerId)
      wake()
    },
    async start() {
      running = loop(stopping.signal)
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPED' }))
      await running
    },
  }
}
