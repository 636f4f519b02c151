import type { ResultView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import type { VirtualClock } from './clock.ts'
import type { RoundClosing } from './contract.ts'
import type { Lab } from './lab.ts'
import { hashOf } from './parties.ts'
import type { Store } from './store.ts'
import type { Topic } from './topic.ts'

/** One attempt of a simulated job: what the chain says of it, and what its parties share. */
export interface Attempt {
  readonly lab: Lab
  readonly clock: VirtualClock
  readonly store: Store
  readonly topic: Topic
  readonly closing: RoundClosing
  readonly chainId: number
  readonly jobId: Hex
  readonly attempt: number
  readonly beacon: Hex
  /** Workers of the attempt in index order, and all of the job. */
  readonly active: readonly Hex[]
  readonly workers: readonly Hex[]
  readonly results: ReadonlyMap<Hex, ResultView>
  submit(result: ResultView): void
  /** The randomness that draws steps and evaluators, once results are in. */
  drawn(signal: AbortSignal): Promise<Hex>
  /** When the draw was made, Unix seconds. */
  drawnTime(): bigint
  /** Aborts when the attempt is judged. */
  readonly over: AbortSignal
}

const runMs = 600_000

/** Begins an attempt: results until everybody has submitted, or its time is over; then the draw. */
export function beginAttempt(
  parts: Pick<
    Attempt,
    'lab' | 'clock' | 'store' | 'topic' | 'closing' | 'chainId' | 'jobId' | 'attempt' | 'beacon'
  > & {
    readonly active: readonly Hex[]
    readonly workers: readonly Hex[]
    readonly over: AbortSignal
  },
): Attempt {
  const { clock, jobId, attempt, active } = parts
  const results = new Map<Hex, ResultView>()
  const drawing = Promise.withResolvers<Hex>()
  let drawnTime = 0n

  function draw(): void {
    if (drawnTime > 0n) return
    drawnTime = BigInt(Math.ceil(clock.nowMs() / 1000))
    drawing.resolve(hashOf('audit', jobId, attempt))
  }

  clock.at(runMs, draw)
  return {
    ...parts,
    results,
    submit(result) {
      if (drawnTime > 0n) return
      results.set(result.worker, result)
      if (results.size === active.length) clock.at(2000, draw)
    },
    drawn: (signal) =>
      new Promise((resolve, reject) => {
        const onAbort = () => reject(signal.reason as Error)
        signal.addEventListener('abort', onAbort, { once: true })
        void drawing.promise.then(resolve)
      }),
    drawnTime: () => drawnTime,
  }
}
