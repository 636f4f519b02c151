import { AppError } from '#base/error.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from './chain.ts'
import type { EvmBlock, Machine } from './machine.ts'
import { type TransactionOutcome, runTransaction } from './run-transaction.ts'
import { type Recorder, beginBlock } from './system-calls.ts'
import type { Decode } from './transaction.ts'
import type { ReadingMachine } from './reading-machine.ts'
import { type Watcher, watched } from './watched.ts'

/** A transaction that ran. */
export type Ran = Extract<TransactionOutcome, { kind: 'ran' }>

/** Runs finalised blocks again, to show what they did. */
export interface Replayer {
  /**
   * Runs a block's transactions up to the last of `indices` and hands each of these to a watcher of its own.
   * Throws STATE_UNKNOWN when the state before the block is no longer kept.
   */
  replay<W extends Watcher>(
    payload: Payload,
    indices: readonly number[],
    watcherOf: () => W,
  ): Promise<readonly { readonly watcher: W; readonly outcome: Ran }[]>
}

export interface ReplayDeps {
  readonly chain: Pick<Chain, 'stateAfter' | 'ancestors' | 'byHash'>
  readonly turns: ReadingMachine
  readonly decode: Decode
  readonly recorder: Recorder | undefined
}

/** Creates the replayer. */
export function createReplayer({ chain, turns, decode, recorder }: ReplayDeps): Replayer {
  async function enter(machine: Machine, { header }: Payload): Promise<EvmBlock> {
    const parent = chain.byHash(header.parentHash)
    const view = chain.stateAfter(header.parentHash)
    if (parent === undefined || view === undefined) {
      throw new AppError({ code: 'STATE_UNKNOWN', hash: header.parentHash })
    }
    const block = machine.enter(view, header, chain.ancestors(parent))
    await beginBlock(machine, block, { environment: header, recorder })
    return block
  }

  return {
    replay: (payload, indices, watcherOf) =>
      turns.take(async (machine) => {
        const block = await enter(machine, payload)
        const traces = []
        const wanted = new Set(indices)
        const end = Math.max(-1, ...indices) + 1
        for (const [index, raw] of payload.transactions.slice(0, end).entries()) {
          const watcher = wanted.has(index) ? watcherOf() : undefined
          const outcome = await watched(machine, watcher, () =>
            runTransaction(machine, block, decode(raw)),
          )
          if (outcome.kind === 'refused') throw new AppError({ code: 'REPLAY_DIFFERS', index })
          if (watcher !== undefined) traces.push({ watcher, outcome })
        }
        return traces
      }),
  }
}
