import { noopLogger } from '#base/log.ts'
import { createJobFeed } from '#chain/client/feed.ts'
import { isAttested, unmatured } from '#chain/client/ledger-view.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { accessOf, feedPlaceOf } from '../compose.ts'
import type { Context } from '../context.ts'
import type { Network } from '../network-file.ts'

/** What a settled job brought its workers toward leading blocks. */
export interface Units {
  /** Segments that workers committed. */
  readonly segments: number
  /** Of these, as many as have units or were found worth none. */
  readonly matured: number
  readonly units: number
}

/** Reads them off a view. */
export function unitsIn({ ledger }: JobView): Units {
  const { commitments, matured } = ledger
  const units = matured.reduce((sum, one) => sum + one.units, 0)
  return { segments: commitments.length, matured: matured.length, units }
}

/** Waits until all that is attested has matured, and at most so long. */
export async function awaitUnits(
  context: Context,
  networkFile: Network,
  wait: { readonly jobId: Hex; readonly timeoutMs: number },
): Promise<Units> {
  const { jobId, timeoutMs } = wait
  const feed = createJobFeed(
    { clock: context.clock, log: noopLogger },
    feedPlaceOf(accessOf(networkFile)),
  )
  const signal = AbortSignal.any([context.stopping, AbortSignal.timeout(timeoutMs)])
  try {
    await feed.start()
    const view = await feed.waitFor(jobId, isRipe, { signal }).catch(() => feed.job(jobId))
    return view === undefined ? { segments: 0, matured: 0, units: 0 } : unitsIn(view)
  } finally {
    await feed.stop()
  }
}

/** Nobody committed anything, or attesters have answered and nothing that they attest is left. */
function isRipe({ ledger, workers }: JobView): boolean {
  if (ledger.commitments.length === 0) return true
  const isAnswered = ledger.attesters.length > 0 && ledger.matured.length > 0
  return (
    isAnswered &&
    workers.every((worker, i) => !isAttested(ledger, i) || unmatured(ledger, worker).length === 0)
  )
}
