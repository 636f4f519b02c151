import type { Digests, Draw } from './digest.ts'
import type { Kernels } from './kernels.ts'
import { type PlannedCall, shareStart } from './plan.ts'

/** The threads that run plans together. Thread 0 is the caller. */
export interface Team {
  readonly threads: number
  /**
   * Runs the calls of a plan on all threads; false when a value of the state is not finite. With `isHashing` it
   * also does what `digest` does, of the vectors as they were before.
   */
  run(plan: PlanName, options?: { readonly isHashing: boolean }): boolean
  /** Hashes the vectors of the state and the gradients; `Digests.roots` has the roots then. */
  digest(): void
  /** Whether every thread keeps denormal numbers. */
  keepsDenormals(): boolean
  readonly close: () => Promise<void>
}

export type PlanName = 'train' | 'forward'

/** One thread's view of the engine: its plans, its kernels and its scratch space. */
export interface Workplace {
  readonly kernels: Kernels
  readonly digests: Digests
  readonly plans: Readonly<Record<PlanName, readonly PlannedCall[]>>
  readonly scratch: number
}

/** Waits until all threads are there; meanwhile it calls `work` again and again, until that returns false. */
export type Barrier = (work?: () => boolean) => void

interface Place {
  readonly thread: number
  readonly threads: number
  readonly barrier: Barrier
  /** Given where the vectors are hashed on the way. */
  readonly draw?: Draw | undefined
}

/**
 * Runs one thread's share of every call. Hashing on the way begins with the gradients, which the step will
 * overwrite; the state is hashed while this thread would wait for others, and the rest before it changes.
 */
export function runShare(
  { digests, kernels, plans, scratch }: Workplace,
  plan: PlanName,
  { thread, threads, barrier, draw }: Place,
): boolean {
  let isFinite = true
  let hashNext = draw && (() => digests.hashNext(draw) !== undefined)
  if (draw && hashNext) {
    while (digests.hashNext(draw) === 'g');
    barrier(hashNext)
  }
  for (const { units, grain, isAfterBarrier, changesState, run } of plans[plan]) {
    if (hashNext && changesState) {
      while (hashNext());
      hashNext = undefined
      barrier()
    } else if (isAfterBarrier) barrier(hashNext)
    const from = shareStart(units, grain, thread / threads)
    const to = shareStart(units, grain, (thread + 1) / threads)
    if (from < to && !run(kernels, { from, to, scratch })) isFinite = false
  }
  return isFinite
}

/** Hashes what this thread draws of all vectors. */
export function digestShare({ digests }: Workplace, draw: Draw): void {
  while (digests.hashNext(draw) !== undefined);
}

/** A product of this pair is denormal: 1e-30 * 1e-10. */
const denormalPair = [1e-30, 1e-10] as const

/** Whether this thread's floating-point unit keeps denormal numbers. */
export function checkDenormals(kernels: Kernels): boolean {
  return kernels.keepsDenormals(...denormalPair) === 1
}

/** A team of the calling thread alone; what browsers use. */
export function createSoloTeam(workplace: Workplace): Team {
  return {
    threads: 1,
    run(plan, { isHashing } = { isHashing: false }) {
      const draw = isHashing ? counter() : undefined
      return runShare(workplace, plan, { thread: 0, threads: 1, barrier: () => {}, draw })
    },
    digest: () => digestShare(workplace, counter()),
    keepsDenormals: () => checkDenormals(workplace.kernels),
    async close() {},
  }
}

function counter(): Draw {
  let drawn = 0
  return () => drawn++
}
