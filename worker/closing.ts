import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { KnownUpdate } from '#compute/train/rounds.ts'
import { digestOfCid } from '#wire/cid.ts'
import type { Hex } from '#wire/primitives.ts'

interface ClosingDeps {
  readonly chain: Pick<Transactor, 'send'>
  readonly clock: Clock
  readonly log: Logger
  readonly operatorOf: (owner: Hex) => Promise<Hex | undefined>
}

interface Closing {
  readonly round: number
  /** The job as it stands. */
  readonly view: () => JobView
  /** Updates whose bytes are here by now. */
  readonly held: () => readonly KnownUpdate[]
}

const callEveryMs = 1_000

/**
 * Has the contract fix a round: presents the signed updates held here that nobody has presented, those that
 * come late too, and calls again once its window is over, until the signal says that the list is known.
 */
export async function closeOnChain(
  deps: ClosingDeps,
  { round, view, held }: Closing,
  signal: AbortSignal,
): Promise<void> {
  const { chain, clock, log } = deps
  const { terms, attempt } = view()
  let overMs: number | undefined
  for (;;) {
    const isOver = overMs !== undefined && clock.nowMs() > overMs
    const known = view().presented.filter((one) => one.attempt === attempt && one.round === round)
    const fresh = held().filter(
      ({ update }) => !known.some(({ worker }) => worker === update.worker),
    )
    if (isOver || fresh.length > 0) {
      try {
        const shown = isOver ? [] : await presentationOf(deps, fresh)
        await chain.send('JobManager', 'closeRound', [terms, round, shown])
        overMs ??= clock.nowMs() + terms.roundSeconds * 1_000
      } catch (error) {
        const reason = error instanceof AppError ? error.fields['reason'] : undefined
        if (reason === 'TooLate') overMs = clock.nowMs() - 1
        log.debug({ err: error, round, reason }, 'round not closed yet')
      }
    }
    await clock.sleep(callEveryMs, signal)
  }
}

async function presentationOf({ operatorOf }: ClosingDeps, updates: readonly KnownUpdate[]) {
  const presented = await Promise.all(
    updates.map(async ({ update, signature }) => ({
      operator: await operatorOf(update.worker),
      updateRoot: update.updateRoot,
      cidDigest: digestOfCid(update.cid),
      signature,
    })),
  )
  return presented.filter(({ operator }) => operator !== undefined)
}
