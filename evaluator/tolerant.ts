import type { OpenedJob } from '#compute/runner.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import { jobModes } from '#wire/market.ts'
import type { AttemptPlace } from './attempt.ts'
import type { Notices } from './notices.ts'
import type { OpenAttempt } from './open-attempt.ts'
import type { LocalStep } from './rerun.ts'

/** A state file's header and padding. */
const stateOverheadBytes = 65_536
const stallTimeoutMs = 10_000

/** Whether what is close to the exact outcome is right as well. */
export function isTolerant({ view }: Pick<AttemptPlace, 'view'>): boolean {
  return view.terms.mode === jobModes.tolerant
}

/** Most bytes of a state file. */
export function stateBytesMaxOf({ stateBytes }: Pick<OpenedJob, 'stateBytes'>): number {
  return stateBytes + stateOverheadBytes
}

/**
 * Fetches the state after the local steps of a round, which its worker opens as the one before the aggregation. Undefined
 * while no place has it.
 */
export function createAfter(
  deps: {
    readonly artifacts: Pick<Artifacts, 'getFile'>
    readonly files: Files
    readonly notices: Pick<Notices, 'openingsOf'>
  },
  { opened }: Pick<OpenAttempt, 'opened'>,
  options: {
    readonly folder: string
    readonly pins?: { readonly passing: string }
    readonly signal: AbortSignal
  },
): (drawn: LocalStep) => Promise<string | undefined> {
  const { artifacts, files, notices } = deps
  const { folder, pins, signal } = options
  const owner = pins?.passing
  return async ({ worker, segment, step, steps }) => {
    const name = `${folder}/${worker.slice(2)}-${segment}-${step}.after.safetensors`
    for (const { cid } of notices.openingsOf({ worker, segment, step: step + steps })) {
      try {
        const sizeBytesMax = stateBytesMaxOf(opened)
        const bounds = { sizeBytesMax, timeoutMs: stallTimeoutMs, signal }
        await artifacts.getFile(
          cid,
          files.path(name),
          owner === undefined ? bounds : { ...bounds, owner },
        )
        return name
      } catch {
        continue // not here yet, or no longer
      }
    }
    return undefined
  }
}
