import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Payload, Withdrawal } from '#chain/core/payload.ts'
import { shareTips } from '#chain/core/work-rules.ts'
import type { ExecutionEngine } from '#chain/exec/engine.ts'
import { tipsAddress } from '#wire/addresses.ts'

/** What a block's rewards depend on besides its ancestors. */
export interface Leading extends Pick<ConsensusBlock, 'height' | 'mode' | 'work' | 'proposer'> {
  /** The proposer's seat. */
  readonly seat: number
}

const weiPerGwei = 1_000_000_000n

/** Who gets a block's tips by the rules of execution: its leader by stake, or nobody. */
export function feeRecipientOf({ mode, proposer }: Pick<Leading, 'mode' | 'proposer'>): Hex {
  return mode === 'work' ? tipsAddress : proposer
}

/**
 * What consensus pays in a block, in this order: the bonus of its leader by work; of the tips of a parent that
 * was led by work, the part that its leader may have; the rest of them, where this block is led by stake.
 *
 * Tips are known only once a block has run, and execution knows no cap: so blocks led by work burn theirs at an
 * address without a key, and the next block pays what that address got. Nothing is made by it: what is paid
 * for tips was burned as tips, the bonus as fees (`leaderBonusGwei`). Throws STATE_UNKNOWN.
 */
export async function withdrawalsOf(
  engine: Pick<ExecutionEngine, 'balance'>,
  leading: Leading,
  parent: { readonly payload: Payload; readonly block: ConsensusBlock | undefined },
): Promise<readonly Withdrawal[]> {
  const { height, mode, work, proposer, seat } = leading
  const due: { readonly seat: number; readonly address: Hex; readonly amountGwei: bigint }[] = []
  if (mode === 'work' && work !== undefined) {
    due.push({ seat, address: proposer, amountGwei: BigInt(work.bonusGwei) })
  }
  const { block } = parent
  if (block?.mode === 'work' && block.work !== undefined) {
    const tipsGwei = await tipsOf(engine, parent.payload)
    const { leaderGwei, othersGwei } = shareTips(tipsGwei, BigInt(block.work.tipsMaxGwei))
    due.push({ seat: block.work.seat, address: block.proposer, amountGwei: leaderGwei })
    if (mode === 'stake') due.push({ seat, address: proposer, amountGwei: othersGwei })
  }
  return due
    .map((one, i) => ({ index: withdrawalsMax * height + i, validatorIndex: one.seat, ...one }))
    .filter(({ amountGwei }) => amountGwei > 0n)
    .map(({ seat: _seat, ...withdrawal }) => withdrawal)
}

const withdrawalsMax = 3

/** What came in at the tips' address in a block, in 1e9 wei; whatever is below stays burned. */
async function tipsOf(
  engine: Pick<ExecutionEngine, 'balance'>,
  { blockHash, header }: Payload,
): Promise<bigint> {
  const after = await engine.balance(blockHash, tipsAddress)
  const before = await engine.balance(header.parentHash, tipsAddress)
  return (after - before) / weiPerGwei
}
