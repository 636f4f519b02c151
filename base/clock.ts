import { assert } from './assert.ts'

/** Time as the rules and services see it. The real one is made in `cli/`, tests use `createFakeClock`. */
export interface Clock {
  /** Unix time in milliseconds. */
  nowMs(): number
  /** Resolves after `durationMs`; rejects with the signal's reason as soon as it aborts. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>
}

/** A clock that moves only when told to. */
export interface FakeClock extends Clock {
  /** Moves time forward, waking sleepers in order and letting their promises run in between. */
  advance(durationMs: number): Promise<void>
  /** How many sleepers wait. */
  sleepers(): number
}

interface Sleeper {
  readonly wakeMs: number
  readonly wake: () => void
}

/** Creates a clock at `startMs` whose time is moved by `advance`. */
export function createFakeClock(startMs = 1_700_000_000_000): FakeClock {
  let nowMs = startMs
  let sleepers: Sleeper[] = []

  async function advance(durationMs: number): Promise<void> {
    assert(durationMs >= 0, 'time moves forward')
    const endMs = nowMs + durationMs
    await settle()
    for (;;) {
      const next = sleepers.toSorted((a, b) => a.wakeMs - b.wakeMs)[0]
      if (next === undefined || next.wakeMs > endMs) break
      nowMs = Math.max(nowMs, next.wakeMs)
      sleepers = sleepers.filter((sleeper) => sleeper !== next)
      next.wake()
      await settle()
    }
    nowMs = endMs
  }

  function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const sleeper: Sleeper = { wakeMs: nowMs + Math.max(0, durationMs), wake: finish }
      const onAbort = () => {
        sleepers = sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason as Error)
      }
      function finish() {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      sleepers.push(sleeper)
    })
  }

  return { nowMs: () => nowMs, sleep, advance, sleepers: () => sleepers.length }
}

/** Lets every promise that can run now run: a sleeper's continuation may be many microtasks long. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 64; turn += 1) await Promise.resolve()
}
