import type { KnownUpdate } from '#compute/train/rounds.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'
import type { VirtualClock } from './clock.ts'

/** As long as `roundSeconds` of a job's terms. */
const windowMs = 30_000

/** `closeRound`: the first presented update opens a window; what was presented until its end, or all, is the list. */
export interface RoundClosing {
  present(round: number, held: readonly KnownUpdate[]): void
  readonly closed: ReadonlyMap<number, readonly ListedUpdate[]>
  onClosed(listener: () => void): () => void
}

/** Creates the closing of an attempt's rounds. */
export function createClosing(clock: VirtualClock, active: readonly Hex[]): RoundClosing {
  const closed = new Map<number, readonly ListedUpdate[]>()
  const open = new Map<number, Map<Hex, ListedUpdate>>()
  const listeners = new Set<() => void>()

  function close(round: number, presented: ReadonlyMap<Hex, ListedUpdate>): void {
    if (closed.has(round)) return
    closed.set(
      round,
      active.flatMap((worker) => presented.get(worker) ?? []),
    )
    for (const listener of listeners) listener()
  }

  return {
    closed,
    present(round, held) {
      if (closed.has(round) || held.length === 0) return
      const presented = open.get(round) ?? new Map<Hex, ListedUpdate>()
      if (!open.has(round)) clock.at(windowMs, () => close(round, presented))
      open.set(round, presented)
      for (const { update } of held) {
        if (!presented.has(update.worker)) presented.set(update.worker, update)
      }
      if (presented.size === active.length) close(round, presented)
    },
    onClosed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
