import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Certificate } from '#chain/core/consensus/messages.ts'
import {
  type Validator,
  type ValidatorSet,
  indicesOf,
  weightOf,
} from '#chain/core/consensus/validators.ts'
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

/** Who voted for a block, of whom. */
export interface Votes {
  readonly voters: readonly Validator[]
  /** Of the whole set: whoever leaves votes out gains nothing by it. */
  readonly totalWeight: number
}

/** Those of a certificate of this set. */
export function votesOf(set: ValidatorSet, { signers }: Certificate): Votes {
  const { validators } = set
  const indices = indicesOf(signers, validators.length) ?? []
  const voters = indices.flatMap((index) => validators[index] ?? [])
  return { voters, totalWeight: weightOf(set, validators.keys()) }
}

/** The block before, as rewards depend on it. */
export interface RewardedParent {
  readonly payload: Payload
  readonly block: ConsensusBlock | undefined
  /** As the block that pays them shows. */
  readonly votes: Votes | undefined
}

/**
 * What consensus pays in a block, in this order: the bonus of its leader by work; of the tips of a parent that
 * was led by work, the part that its leader may have; half of the rest, where this block is led by stake; of the
 * other half, to each voter for the parent that the block shows, as its weight is to that of all.
 *
 * Tips are known only once a block has run, and execution knows no cap: so blocks led by work burn theirs at an
 * address without a key, and the next block pays what that address got. Nothing is made by it: what is paid
 * for tips was burned as tips, the bonus as fees (`leaderBonusGwei`). Throws STATE_UNKNOWN.
 */
export async function withdrawalsOf(
  engine: Pick<ExecutionEngine, 'balance'>,
  leading: Leading,
  { payload, block, votes }: RewardedParent,
): Promise<readonly Withdrawal[]> {
  const { height, mode, work, proposer, seat } = leading
  const due: Due[] = []
  if (mode === 'work' && work !== undefined) {
    due.push({ seat, address: proposer, amountGwei: BigInt(work.bonusGwei) })
  }
  if (block?.mode === 'work' && block.work !== undefined) {
    const tipsGwei = await tipsOf(engine, payload)
    const shares = shareTips(tipsGwei, BigInt(block.work.tipsMaxGwei))
    const { leaderGwei, nextGwei, votersGwei } = shares
    due.push({ seat: block.work.seat, address: block.proposer, amountGwei: leaderGwei })
    if (mode === 'stake') due.push({ seat, address: proposer, amountGwei: nextGwei })
    due.push(...shareVoters(votersGwei, votes))
  }
  return due
    .map((one, i) => ({ index: withdrawalsMax * height + i, validatorIndex: one.seat, ...one }))
    .filter(({ amountGwei }) => amountGwei > 0n)
    .map(({ seat: _seat, ...withdrawal }) => withdrawal)
}

interface Due {
  readonly seat: number
  readonly address: Hex
  readonly amountGwei: bigint
}

/** More than a block has: each withdrawal of the chain has a number of its own. */
const withdrawalsMax = 8_192

function shareVoters(votersGwei: bigint, votes: Votes | undefined): readonly Due[] {
  return (votes?.voters ?? []).map(({ seat, address, weight }) => ({
    seat,
    address,
    amountGwei: (votersGwei * BigInt(weight)) / BigInt(votes?.totalWeight ?? 1),
  }))
}

/** What came in at the tips' address in a block, in 1e9 wei; whatever is below stays burned. */
async function tipsOf(
  engine: Pick<ExecutionEngine, 'balance'>,
  { blockHash, header }: Payload,
): Promise<bigint> {
  const after = await engine.balance(blockHash, tipsAddress)
  const before = await engine.balance(header.parentHash, tipsAddress)
  return (after - before) / weiPerGwei
}
