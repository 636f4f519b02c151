import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import { blockDueMs } from '#chain/core/timing.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { openWorkAfter } from '../chain-reads.ts'
import type { Transactions } from '../transactions.ts'

export interface PacingDeps {
  readonly engine: Pick<EmbeddedEngine, 'simulator'>
  readonly transactions: Pick<Transactions, 'hasExecutable' | 'added'>
  readonly clock: Clock
}

/** Resolves when the block after `parent` is due; rejects with the signal's reason. */
export type UntilDue = (parent: Payload, signal: AbortSignal) => Promise<void>

const unanswered: ReadonlySet<string | undefined> = new Set(['STATE_UNKNOWN', 'BUSY'])

/** A block is due a second after its parent while work or a transaction is open, else at the heartbeat. */
export function createPacing(deps: PacingDeps, genesis: Genesis): UntilDue {
  const { engine, transactions, clock } = deps
  let known: { readonly hash: string; readonly hasOpenWork: boolean } | undefined

  async function hasOpenWork(parent: Payload): Promise<boolean> {
    if (known?.hash === parent.blockHash) return known.hasOpenWork
    try {
      const count = await openWorkAfter(parent, engine.simulator, genesis.openWork)
      known = { hash: parent.blockHash, hasOpenWork: count > 0n }
      return known.hasOpenWork
    } catch (error) {
      // The block lost meanwhile, or readers keep the simulator busy: who waits goes on a second later.
      if (!unanswered.has(codeOf(error))) throw error
      return true
    }
  }

  return async (parent, signal) => {
    for (;;) {
      signal.throwIfAborted()
      const open = {
        hasOpenWork: await hasOpenWork(parent),
        hasTransactions: transactions.hasExecutable(),
      }
      const waitMs = blockDueMs(parent.header, open) - clock.nowMs()
      if (waitMs <= 0) return
      await pause(deps, waitMs, { signal, wakes: !open.hasTransactions })
    }
  }
}

/** Waits; a new transaction ends it early where it would bring the block forward. */
async function pause(
  { clock, transactions }: Pick<PacingDeps, 'clock' | 'transactions'>,
  waitMs: number,
  { signal, wakes }: { readonly signal: AbortSignal; readonly wakes: boolean },
): Promise<void> {
  const waking = new AbortController()
  const end = wakes ? transactions.added.listen(() => waking.abort()) : () => undefined
  try {
    await clock.sleep(waitMs, AbortSignal.any([signal, waking.signal]))
  } catch (error) {
    if (!signal.aborted && !waking.signal.aborted) throw error
  } finally {
    end()
  }
}
