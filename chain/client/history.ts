import type { Hex } from '#wire/primitives.ts'
import type { Transactor } from './transactor.ts'

/** What the chain counted of an account by a height. */
export interface History {
  /** Jobs done, evaluations included. */
  readonly completed: number
  /** Times it kept silent. */
  readonly timeouts: number
  /** Times its work or its word was found wrong. */
  readonly invalids: number
}

/** The facts about an account in the state after a height, the same for everybody. Throws RPC_DOWN, RPC_FAILED. */
export async function historyOf(
  reader: Pick<Transactor, 'read'>,
  owner: Hex,
  blockNumber: bigint,
): Promise<History> {
  return reader.read<History>('Staking', 'reputationOf', [owner], { blockNumber })
}
