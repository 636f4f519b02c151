import type { Clock } from '#base/clock.ts'

/** Time of one simulated job: it moves when nobody has anything left to do at the present moment. */
export interface VirtualClock extends Clock {
  /** Calls `run` after so long. */
  at(delayMs: number, run: () => void): void
  /** Moves time until the work is done. Throws when nothing is left to wait for. */
  play<T>(work: Promise<T>): Promise<T>
}

interface Wake {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Turns of the machine that may pass with nothing to wake: compiling and hashing take some. */
const idleTurnsMax = 100_000

/** Creates a clock at `startMs`. */
export function createVirtualClock(startMs: number): VirtualClock {
  const queue: Wake[] = []
  let nowMs = startMs
  let order = 0

  function at(delayMs: number, run: () => void): void {
    push(queue, { atMs: nowMs + Math.max(0, delayMs), order: (order += 1), run })
  }

  function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = () => reject(signal?.reason as Error)
      signal?.addEventListener('abort', onAbort, { once: true })
      at(durationMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }

  async function play<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const over = () => void (isOver = true)
    work.then(over, over)
    for (let idle = 0; ; idle += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      if (isOver) return work
      const next = pop(queue)
      if (next) {
        nowMs = Math.max(nowMs, next.atMs)
        idle = 0
        next.run()
      } else if (idle > idleTurnsMax) throw new Error('nothing is left to wait for')
    }
  }

  return { nowMs: () => nowMs, sleep, at, play }
}

function isBefore(a: Wake, b: Wake): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** A binary heap, the earliest first. */
function push(queue: Wake[], wake: Wake): void {
  let at = queue.push(wake) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(queue[at] as Wake, queue[parent] as Wake)) return
    swap(queue, at, parent)
    at = parent
  }
}

function pop(queue: Wake[]): Wake | undefined {
  const [first] = queue
  const last = queue.pop()
  if (first === undefined || last === undefined || first === last) return first
  queue[0] = last
  for (let at = 0; ;) {
    const children = [2 * at + 1, 2 * at + 2].filter((child) => child < queue.length)
    const least = children.reduce(
      (best, child) => (isBefore(queue[child] as Wake, queue[best] as Wake) ? child : best),
      at,
    )
    if (least === at) return first
    swap(queue, at, least)
    at = least
  }
}

function swap(queue: Wake[], a: number, b: number): void {
  const held = queue[a] as Wake
  queue[a] = queue[b] as Wake
  queue[b] = held
}
