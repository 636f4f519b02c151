import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'

/** What past rounds tell about the next: how long they took, and who was missing in how many of them. */
export interface Pace {
  readonly active: readonly Hex[]
  /** Of the last rounds, at most `roundsRemembered`. */
  readonly durationsMs: readonly number[]
  /** Rounds in a row that a worker missed, by worker index. */
  readonly misses: readonly number[]
}

const roundsRemembered = 15
/** A worker that was missing this often in a row is no longer waited for. */
export const missesMax = 3

/** No round yet: everybody is waited for. */
export function firstPace(active: readonly Hex[]): Pace {
  return { active, durationsMs: [], misses: active.map(() => 0) }
}

/** The pace after a round whose list is `list`. A duration is unknown for rounds replayed from the log. */
export function nextPace(pace: Pace, list: readonly ListedUpdate[], durationMs?: number): Pace {
  const durationsMs =
    durationMs === undefined
      ? pace.durationsMs
      : [...pace.durationsMs, durationMs].slice(-roundsRemembered)
  const listed = new Set(list.map(({ worker }) => worker))
  const misses = pace.misses.map((missed, i) =>
    listed.has(pace.active[i] as Hex) ? 0 : missed + 1,
  )
  return { ...pace, durationsMs, misses }
}

/** Workers whose updates a round waits for: all, less those that missed three rounds in a row. */
export function awaitedOf(pace: Pace): readonly Hex[] {
  const awaited = pace.active.filter((_, i) => (pace.misses[i] as number) < missesMax)
  return awaited.length > 0 ? awaited : pace.active
}

/** How long a round waits for the late: twice the median of past rounds, at least `floorMs`. */
export function lateAfterMs(pace: Pace, floorMs: number): number {
  const sorted = pace.durationsMs.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return Math.max(floorMs, 2 * median)
}
