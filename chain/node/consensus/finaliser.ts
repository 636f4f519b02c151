import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type Turns, createTurns } from '#base/turns.ts'
import type { Hex } from '#base/hex.ts'
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { ConsensusStore, FinalBlock } from '../consensus-store.ts'
import type { Feed } from '../feed.ts'
import type { Transactions } from '../transactions.ts'
import type { ChainPlaces } from './chain-place.ts'
import type { Epochs } from './epochs.ts'
import type { PayloadShelf } from './payload-shelf.ts'

export interface FinaliserDeps {
  readonly engine: EmbeddedEngine
  readonly turns: Turns
  readonly consensus: ConsensusStore
  readonly shelf: PayloadShelf
  readonly places: ChainPlaces
  readonly transactions: Transactions
  readonly epochs: Epochs
  readonly blocks: Feed<Payload>
  readonly logger: Logger
}

export interface Finaliser {
  /**
   * Runs a block that a quorum finalised, if that was not done, and makes it last: first the record of
   * consensus with the next set where its epoch ends, then the state, then readers hear of it. Calls are served
   * in order; heights already final are passed over. Throws FINAL_BLOCK_REFUSED where execution finds the block
   * invalid: this node, or more than two thirds of all, are broken.
   */
  finalise(final: FinalBlock, payload: () => Promise<Payload>): Promise<void>
}

/** Creates the finaliser. Payloads of the shelf are run again where a crash came before their state lasted. */
export function createFinaliser(deps: FinaliserDeps): Finaliser {
  const { engine, consensus, shelf, places, transactions, blocks, logger } = deps
  const inTurn = createTurns()

  async function make(final: FinalBlock, payload: Payload): Promise<void> {
    await shelf.put(payload)
    const heirs = await deps.epochs.heirs(final.block.height, payload.header.parentHash)
    checkHandover(final, heirs)
    await deps.turns(() => accept(engine, payload))
    await consensus.put(final, heirs)
    await deps.turns(() => moveTo(engine, payload.blockHash))
    const { number, gasUsed } = payload.header
    places.prune(number)
    transactions.settle(payload)
    blocks.emit(payload)
    await shelf.prune(number)
    const count = payload.transactions.length
    logger.debug({ number, count, gasUsed: Number(gasUsed) }, 'block finalised')
  }

  return {
    finalise: (final, payload) =>
      inTurn(async () => {
        const isDone = final.block.height <= engine.chain.finalised().header.number
        if (!isDone) await make(final, await payload())
      }),
  }
}

/** Throws FINAL_BLOCK_REFUSED where a quorum handed over to others than those whom the state names. */
function checkHandover({ block }: FinalBlock, heirs: ValidatorSet | undefined): void {
  const expected = heirs && validatorSetRoot(heirs)
  if (block.nextSetRoot === expected) return
  const { executionHash: hash } = block
  throw new AppError({ code: 'FINAL_BLOCK_REFUSED', hash, reason: 'the next set is another' })
}

/**
 * Runs what consensus had made final before a crash and execution had not: its payload is on the shelf.
 * Throws PAYLOAD_MISSING where it is not.
 */
export async function catchUpExecution({
  engine,
  consensus,
  shelf,
}: Pick<FinaliserDeps, 'engine' | 'consensus' | 'shelf'>): Promise<void> {
  for (;;) {
    const height = engine.chain.finalised().header.number + 1
    const final = consensus.get(height)
    if (final === undefined) return
    const hash = final.block.executionHash
    const payload = shelf.get(hash)
    if (payload === undefined) throw new AppError({ code: 'PAYLOAD_MISSING', hash, height })
    await accept(engine, payload)
    await moveTo(engine, hash)
  }
}

async function accept(engine: EmbeddedEngine, payload: Payload): Promise<void> {
  const status = await engine.newPayload(payload)
  if (status.kind === 'valid') return
  const reason = status.kind === 'invalid' ? status.reason : 'the parent was not run'
  throw new AppError({ code: 'FINAL_BLOCK_REFUSED', hash: payload.blockHash, reason })
}

async function moveTo(engine: EmbeddedEngine, hash: Hex): Promise<void> {
  await engine.forkchoiceUpdated({ head: hash, safe: hash, finalized: hash })
}
