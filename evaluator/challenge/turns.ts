import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type Disputes, bondsWei } from '#chain/client/dispute/disputes.ts'
import type { Hex } from '#wire/primitives.ts'

/** Each has an engine of its own. */
const playingMax = 4

/** When each dispute of an account begins. */
export interface Turns {
  /** Plays it when its turn comes; the next one's comes when it says that it is open, or ends. */
  take(dispute: Turn): void
  /** Resolves when nothing is played any more. */
  ended(): Promise<void>
}

export interface Turn {
  /** Never rejects. */
  readonly play: (onOpened: () => void) => Promise<void>
  /** Whether an earlier process has opened it: its clock runs, and its first bond is taken. */
  readonly isOpen: boolean
}

export interface TurnsDeps {
  readonly disputes: Pick<Disputes, 'rules' | 'balanceOf'>
  /** Brings what the account has in the game up to an amount, in wei. */
  readonly putUpBonds?: (amountWei: bigint) => Promise<void>
  readonly log: Logger
}

/**
 * Creates the turns. Replays come one after another, which takes no longer; what is open is played at the same time, up
 * to four disputes, since a worker that says nothing would hold up the next one for a whole clock.
 */
export function createTurns({ disputes, putUpBonds, log }: TurnsDeps, self: Hex): Turns {
  const playing = new Set<Promise<void>>()
  let last: Promise<void> = Promise.resolve()

  /** Resolves when the dispute is open, or will not be. */
  async function begin({ play, isOpen }: Turn): Promise<void> {
    while (playing.size >= playingMax) await Promise.race(playing)
    await fund(isOpen).catch((error: unknown) => {
      log.error({ err: error, code: codeOf(error) }, 'bonds not known')
    })
    const { promise: opened, resolve: onOpened } = Promise.withResolvers<void>()
    const played = play(onOpened).finally(() => {
      playing.delete(played)
      onOpened()
    })
    playing.add(played)
    await opened
  }

  /** What is put up in one dispute must not be missing in another, whose first bond was taken when it began. */
  async function fund(isOpen: boolean): Promise<void> {
    if (playing.size === 0) return
    const { bondWei } = await disputes.rules()
    const neededWei = () => bondsWei(bondWei, { open: playing.size, fresh: 1 })
    await putUpBonds?.(neededWei()).catch((error: unknown) => {
      log.error({ err: error, code: codeOf(error) }, 'no more bonds')
    })
    while (!isOpen && playing.size > 0 && (await disputes.balanceOf(self)) < neededWei()) {
      await Promise.race(playing)
    }
  }

  return {
    take(dispute) {
      last = last.then(() => begin(dispute))
    },
    async ended() {
      await last
      await Promise.all(playing)
    },
  }
}
