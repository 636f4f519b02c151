import type { Digests } from './digest.ts'
import type { Kernels } from './kernels.ts'
import { type PlannedCall, shareStart } from './plan.ts'

/** The threads that run plans together. Thread 0 is the caller. */
export interface Team {
  readonly threads: number
  /** Runs the calls of a plan on all threads; false when a value of the state is not finite. */
  run(plan: PlanName): boolean
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

/** Waits until all threads are there. */
export type Barrier = () => void

/** Runs one thread's share of every call. */
export function runShare(
  { kernels, plans, scratch }: Workplace,
  plan: PlanName,
  { thread, threads, barrier }: { thread: number; threads: number; barrier: Barrier },
): boolean {
  let isFinite = true
  for (const { units, grain, isAfterBarrier, run } of plans[plan]) {
    if (isAfterBarrier) barrier()
    const from = shareStart(units, grain, thread / threads)
    const to = shareStart(units, grain, (thread + 1) / threads)
    if (from < to && !run(kernels, { from, to, scratch })) isFinite = false
  }
  return isFinite
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
    run: (plan) => runShare(workplace, plan, { thread: 0, threads: 1, barrier: () => {} }),
    digest() {
      let drawn = 0
      workplace.digests.hashGroups(() => drawn++)
    },
    keepsDenormals: () => checkDenormals(workplace.kernels),
    async close() {},
  }
}
