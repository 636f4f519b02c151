import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { KnownUpdate } from '#compute/train/rounds.ts'
import { cidOfDigest, codecs, digestOfCid } from '#wire/cid.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'

interface Closing {
  readonly terms: Terms
  readonly round: number
  readonly updates: readonly KnownUpdate[]
}

const presentAgainMs = 2_000

/**
 * Has the contract fix a round: presents the signed updates held here, then calls again once its window is
 * over, until the signal says that the round's list is known.
 */
export async function closeOnChain(
  deps: {
    chain: Pick<Transactor, 'send'>
    clock: Clock
    log: Logger
    operatorOf: (owner: Hex) => Promise<Hex | undefined>
  },
  { terms, round, updates }: Closing,
  signal: AbortSignal,
): Promise<void> {
  const { chain, clock, log } = deps
  const presented = await Promise.all(
    updates.map(async ({ update, signature }) => ({
      operator: await deps.operatorOf(update.worker),
      updateRoot: update.updateRoot,
      cidDigest: digestOfCid(update.cid),
      signature,
    })),
  )
  for (let call = 0; !signal.aborted; call += 1) {
    try {
      const shown = call === 0 ? presented.filter(({ operator }) => operator !== undefined) : []
      await chain.send('JobManager', 'closeRound', [terms, round, shown])
    } catch (error) {
      log.debug({ err: error, round, code: codeOf(error) }, 'round not closed yet')
    }
    const waitMs = call === 0 ? terms.roundSeconds * 1_000 : presentAgainMs
    await clock.sleep(waitMs, signal)
  }
}

/** The lists that the contract fixed in an attempt, as rounds name them. */
export function closedListsOf(
  view: JobView,
  updateBytes: number,
): ReadonlyMap<number, readonly ListedUpdate[]> {
  const codec = updateBytes <= limits.artifactBlockBytes ? codecs.raw : codecs.dagPb
  const ofAttempt = view.closedRounds.filter(({ attempt }) => attempt === view.attempt)
  return new Map(
    ofAttempt.map(({ round, updates }) => [
      round,
      updates.map(({ worker, updateRoot, cidDigest }) => ({
        worker,
        updateRoot,
        cid: cidOfDigest(cidDigest, codec),
      })),
    ]),
  )
}
