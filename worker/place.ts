import type { Hex } from '#wire/primitives.ts'

/** Which attempt of which job a worker takes part in, and with whom. Addresses are owners, lower case. */
export interface AttemptPlace {
  readonly chainId: number
  readonly jobId: Hex
  readonly attempt: number
  /** The job's beacon, fixed on chain at assignment. */
  readonly beacon: Hex
  readonly self: Hex
  /** Workers of this attempt in index order. */
  readonly active: readonly Hex[]
}

/** Under this name artifacts of a job are pinned. */
export function pinOwner(jobId: Hex): string {
  return `worker:${jobId}`
}

/** Directory of an attempt below `jobs/`. */
export function attemptFolder({ jobId, attempt }: Pick<AttemptPlace, 'jobId' | 'attempt'>): string {
  return `${jobId}/attempt-${attempt}`
}
