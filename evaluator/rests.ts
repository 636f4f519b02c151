import type { JobView } from '#chain/client/view.ts'

/** Panels of jobs that are left alone for a while: after a failure, and until the feed has seen what was revealed. */
export interface Rests {
  isResting(panel: Panel, nowMs: number): boolean
  /** Begins a rest after an examination that ended well, or with the code of an error. */
  begin(panel: Panel, ended: { readonly nowMs: number; readonly code: string | undefined }): void
}

/** A further panel or attempt has windows of its own. */
type Panel = Pick<JobView, 'jobId' | 'attempt' | 'panelStart'>

const restMs = 5_000
/** Longer than an examination takes. */
const keptMs = 600_000

interface Rest {
  readonly untilMs: number
  readonly durationMs: number
}

/**
 * Creates the rests. Whoever is too late to say that something is withheld examines all of it again only in case it
 * comes after all: each time after twice the wait. Anything else is tried again soon.
 */
export function createRests(): Rests {
  const rests = new Map<string, Rest>()

  return {
    isResting: (panel, nowMs) => nowMs < (rests.get(nameOf(panel))?.untilMs ?? 0),
    begin(panel, { nowMs, code }) {
      const name = nameOf(panel)
      for (const [known, { untilMs }] of rests) {
        if (untilMs + keptMs < nowMs) rests.delete(known)
      }
      const before = rests.get(name)?.durationMs
      const durationMs = code === 'LATE' && before !== undefined ? before * 2 : restMs
      rests.set(name, { untilMs: nowMs + durationMs, durationMs })
    },
  }
}

function nameOf({ jobId, attempt, panelStart }: Panel): string {
  return `${jobId}/${attempt}/${panelStart}`
}
