import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { isAsserters } from '#chain/client/dispute/position.ts'
import { type Standing, deadlineOf } from '#chain/client/dispute/standing.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Move } from './work.ts'

/** What a player needs of the chain. */
export interface GameChain {
  /** Folded from the dispute's events; undefined before it is opened. */
  standing(id: Hex): Promise<Standing | undefined>
  /** Time of the newest block, unix seconds. */
  nowSeconds(): Promise<number>
  /** Sends a move as the player. Throws REVERTED {reason}, RPC_DOWN. */
  send(name: string, args: readonly unknown[]): Promise<{ readonly gasUsed: bigint }>
}

export interface PlayerDeps {
  readonly chain: GameChain
  readonly clock: Clock
  readonly log: Logger
}

export interface Player {
  readonly id: Hex
  readonly side: 'asserter' | 'challenger'
  readonly moveOf: (standing: Standing) => Promise<Move | undefined>
}

export interface Played {
  readonly standing: Standing
  /** Of this player's own transactions. */
  readonly gasUsed: bigint
}

/** A move that would be mined after the clock has run out costs gas and changes nothing. */
const marginSeconds = 3
const pollMs = 500
const failuresMax = 20

/**
 * Plays one side until the dispute is decided, from wherever the chain's events say it stands. A move that another
 * process of the same player made before is no fault. Rejects with the signal's reason, or after 20 failures.
 */
export async function playDispute(
  deps: PlayerDeps,
  player: Player,
  signal: AbortSignal,
): Promise<Played> {
  const { chain, clock, log } = deps
  let gasUsed = 0n
  let failures = 0
  let stuckAt = -1
  let seenAt = -1
  for (;;) {
    signal.throwIfAborted()
    try {
      const standing = await chain.standing(player.id)
      if (standing?.outcome) return { standing, gasUsed }
      if (standing && standing.moves !== stuckAt) {
        const turn = await takeTurn(deps, player, { standing, isSeen: standing.moves === seenAt })
        seenAt = standing.moves
        gasUsed += turn.gasUsed
        if (turn.isStuck) stuckAt = standing.moves
      }
      failures = 0
    } catch (error) {
      signal.throwIfAborted()
      failures += 1
      log.warn({ err: error, code: codeOf(error), id: player.id, failures }, 'move not made yet')
      if (failures >= failuresMax) throw error
    }
    await clock.sleep(pollMs, signal)
  }
}

interface Turn {
  readonly gasUsed: bigint
  /** This player has nothing to say where it stands; the clock decides. */
  readonly isStuck: boolean
}

const waiting: Turn = { gasUsed: 0n, isStuck: false }

async function takeTurn(
  deps: PlayerDeps,
  player: Player,
  { standing, isSeen }: { standing: Standing; isSeen: boolean },
): Promise<Turn> {
  const { chain, log } = deps
  const { id, side } = player
  const isOwn = isAsserters(standing.position.phase) === (side === 'asserter')
  const leftSeconds = deadlineOf(standing) - (await chain.nowSeconds())
  if (!isOwn) {
    if (leftSeconds < 0) return sendMove(deps, standing, { name: 'expire', args: [standing.claim] })
    // A challenger need not wait for a proof that cannot come.
    const refutation = side === 'challenger' && !isSeen && (await player.moveOf(standing))
    if (!refutation) return waiting
    const { gasUsed } = await sendMove(deps, standing, refutation)
    return { gasUsed, isStuck: false }
  }
  const move = leftSeconds >= marginSeconds ? await player.moveOf(standing) : undefined
  if (!move) {
    log.warn({ id, side, phase: standing.position.phase, leftSeconds }, 'no move to make')
    return { gasUsed: 0n, isStuck: true }
  }
  return sendMove(deps, standing, move)
}

/** What the contract says where another process, or anybody for `expire`, was first. */
const overtaken = ['WrongPosition', 'WrongPhase', 'ClockRuns']

async function sendMove(
  { chain, log }: PlayerDeps,
  { id, position, moves }: Standing,
  { name, args }: Move,
): Promise<Turn> {
  try {
    const { gasUsed } = await chain.send(name, [id, position, ...args])
    log.info({ id, move: name, moves: moves + 1, gasUsed: Number(gasUsed) }, 'move made')
    return { gasUsed, isStuck: false }
  } catch (error) {
    const reason = error instanceof AppError ? String(error.fields['reason']) : ''
    if (codeOf(error) !== 'REVERTED') throw error
    if (overtaken.includes(reason)) return waiting
    // Bonds may still be put up, or come back from another dispute.
    if (reason === 'BalanceTooLow') return waiting
    // Any other refusal is of a player that is wrong or late: the same move will not do better.
    log.warn({ id, move: name, reason }, 'the contract refuses the move')
    return { gasUsed: 0n, isStuck: true }
  }
}
