import { codeOf } from '#base/error.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Registry } from './registry.ts'
import type { JobView } from './view.ts'

/** True when the peer is registered by one of the job's workers or drawn evaluators. */
export async function isJobMember(
  view: JobView | undefined,
  peerId: string,
  registry: Registry,
): Promise<boolean> {
  return (await memberOf(view, peerId, registry)) !== undefined
}

/** The worker or drawn evaluator of the job that registered this peer. Throws what reading the chain throws. */
export async function memberOf(
  view: JobView | undefined,
  peerId: string,
  registry: Registry,
): Promise<Hex | undefined> {
  for (const owner of view === undefined ? [] : [...view.workers, ...view.evaluators]) {
    const entry = await registry.entryOf(owner).catch(nobody)
    if (entry?.peerId === peerId) return owner
  }
  return undefined
}

/** Whoever cannot be looked up just now is no stranger: what it said would be passed over for good. */
function nobody(error: unknown): undefined {
  if (codeOf(error) !== 'NOT_REGISTERED') throw error
}
