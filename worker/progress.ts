import type { Hex } from '#wire/primitives.ts'

/** What a session tells of its work, for logs and metrics. */
export type Progress =
  | { readonly kind: 'session'; readonly attempt: number; readonly workers: number }
  | {
      readonly kind: 'round'
      readonly attempt: number
      readonly round: number
      readonly rounds: number
      /** Mean loss of the own local steps; undefined in a round that left this worker out. */
      readonly loss: number | undefined
      readonly listed: number
      readonly durationMs: number
      readonly isClosedOnChain: boolean
    }
  | {
      readonly kind: 'segment'
      readonly attempt: number
      readonly segment: number
      readonly recordHash: Hex
    }
  | { readonly kind: 'claimed'; readonly attempt: number; readonly segments: number }
  | { readonly kind: 'submitted'; readonly attempt: number; readonly modelHash: Hex }
  | { readonly kind: 'opened'; readonly attempt: number; readonly segments: number }
  | { readonly kind: 'resumed'; readonly attempt: number; readonly round: number }

export type OnProgress = (jobId: Hex, progress: Progress) => void
