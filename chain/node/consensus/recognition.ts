import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { Asking } from './asking.ts'
import type { ConsensusNetwork } from './gossip.ts'
import type { Host } from './host.ts'
import { type Heard, isQuorum } from './testimony.ts'
import type { VoteLog } from './vote-log.ts'

export interface RecognitionDeps {
  readonly network: ConsensusNetwork
  readonly asking: Asking
  readonly log: VoteLog
  readonly host: Host
  readonly engine: EmbeddedEngine
  readonly clock: Clock
  readonly logger: Logger
}

const roundDelayMs = 250

/**
 * Resolves when validators of a quorum, this one counted, have told the newest view in which they saw it sign,
 * and the log knows it. Every certificate has a quorum behind it, so one honest witness at least has seen what
 * became of a signature that a restored directory has forgotten. Without a quorum no block would come either.
 */
export async function becomeValidator(
  { network, asking, log, host, engine, clock, logger }: RecognitionDeps,
  {
    set,
    self,
    signal,
  }: { readonly set: ValidatorSet; readonly self: number; readonly signal: AbortSignal },
): Promise<void> {
  const heard = new Map<number, Heard>()

  async function askOne(peer: string): Promise<void> {
    const request = requestOf({ host, engine })
    const { testimony } = await asking.ask(peer, request, signal)
    if (testimony !== undefined) heard.set(testimony.witness, testimony)
  }

  while (!isQuorum(set, heard.keys(), self)) {
    signal.throwIfAborted()
    const asked = await Promise.allSettled(network.peers().map(askOne))
    for (const outcome of asked) {
      if (outcome.status === 'rejected' && !isOfPeer(outcome.reason)) throw outcome.reason
    }
    if (!isQuorum(set, heard.keys(), self)) await clock.sleep(roundDelayMs, signal)
  }
  for (const place of heard.values()) await log.witness(place)
  logger.info({ witnesses: heard.size, floor: log.floor() }, 'this validator may sign')
}

/**
 * Takes final blocks from the first peer that answers, until it has no more of them: a node that was away need
 * not wait for the next certificate to learn how far behind it is.
 */
export async function syncAtStart(
  { network, asking, host, engine, clock }: Omit<RecognitionDeps, 'log' | 'logger'>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    for (const peer of network.peers()) {
      try {
        for (let isMore = true; isMore;) {
          const { adopted } = await asking.ask(peer, requestOf({ host, engine }), signal)
          isMore = adopted > 0
        }
        return
      } catch (error) {
        signal.throwIfAborted()
        if (!isOfPeer(error)) throw error
      }
    }
    await clock.sleep(roundDelayMs, signal)
  }
}

/** What a node that knows nothing better asks for. */
function requestOf({ host, engine }: Pick<RecognitionDeps, 'host' | 'engine'>) {
  const state = host.state()
  const epoch = state?.rules.set.epoch ?? 0
  const view = state?.final.view ?? 0
  const { number: height } = engine.chain.finalised().header
  return { epoch, height, viewMin: view + 1, viewMax: state?.view ?? view + 1 }
}

/** Whether a failure is the peer's, and says nothing of this node. */
export function isOfPeer(error: unknown): boolean {
  return /^(PEER_|RESPONSE_TOO_LARGE|ANSWER_|QUESTION_|STOPP)/.test(codeOf(error) ?? '')
}
