import type { Hex } from '#base/hex.ts'
import type { Handoff } from '#chain/core/consensus/handoff.ts'
import { consensusRoot } from '#chain/core/consensus-block.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { Snapshots } from '#chain/exec/embedded/snapshot.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { ConsensusStore, FinalBlock } from '../consensus-store.ts'
import type { ConsensusNetwork } from '../consensus/gossip.ts'
import { snapshotLimits } from './limits.ts'
import {
  type Question,
  decodeQuestion,
  encodeHandoffs,
  encodeRecords,
  encodeState,
  snapshotProtocol,
} from './protocol.ts'

export interface ServingDeps {
  readonly network: Pick<ConsensusNetwork, 'handle'>
  readonly chain: Pick<Chain, 'finalised'>
  readonly snapshots: Snapshots
  readonly consensus: Pick<ConsensusStore, 'get' | 'setOf'>
  /** Heights of an epoch. */
  readonly epochBlocks: number
}

/** A certificate names a block at most this far above the one it finalises. */
const unnamedMax = 1_024

/** Serves recent states and the records behind them. The returned function stops it. */
export function serveSnapshots(deps: ServingDeps, chainId: number): Promise<() => Promise<void>> {
  const { network, snapshots } = deps
  const { questionBytesMax, servedAtOnceMax, answerBytes } = snapshotLimits

  function answer(question: Question): Uint8Array {
    if (question.kind === 'state') return encodeState(snapshots.read(question, answerBytes))
    if (question.kind === 'handoffs') return encodeHandoffs(handoffsFrom(deps, question.epoch))
    return encodeRecords(recordsFrom(deps, question))
  }

  return network.handle(
    snapshotProtocol(chainId),
    async (request) => answer(decodeQuestion(request)),
    { requestBytesMax: questionBytesMax, concurrencyMax: servedAtOnceMax },
  )
}

function recordsFrom(
  deps: Pick<ServingDeps, 'chain' | 'consensus'>,
  { from, count }: { readonly from: number | undefined; readonly count: number },
): readonly FinalBlock[] {
  const first = from ?? newestNamed(deps)
  const records: FinalBlock[] = []
  let leftBytes = snapshotLimits.answerBytes
  for (let height = first; height > first - count && leftBytes > 0; height -= 1) {
    const record = deps.consensus.get(height)
    if (record === undefined) break
    records.push(record)
    leftBytes -= canonicalBytes(record).length
  }
  return records
}

/** Height of the newest block that is final here in every sense and named by its own certificate. */
function newestNamed({ chain, consensus }: Pick<ServingDeps, 'chain' | 'consensus'>): number {
  const newest = chain.finalised().header.number
  for (let height = newest; height > Math.max(0, newest - unnamedMax); height -= 1) {
    const record = consensus.get(height)
    const named: Hex | undefined = record?.certificate.block
    if (record !== undefined && named === consensusRoot(record.block)) return height
  }
  return newest
}

function handoffsFrom(
  { chain, consensus, epochBlocks }: Pick<ServingDeps, 'chain' | 'consensus' | 'epochBlocks'>,
  from: number,
): readonly Handoff[] {
  const handoffs: Handoff[] = []
  const newest = chain.finalised().header.number
  let leftBytes = snapshotLimits.answerBytes
  for (let epoch = from; leftBytes > 0; epoch += 1) {
    const height = (epoch + 1) * epochBlocks - 1
    const final = height > newest ? undefined : consensus.get(height)
    const next = consensus.setOf(epoch + 1)
    if (final === undefined || next === undefined) break
    handoffs.push({ ...final, next })
    leftBytes -= canonicalBytes(final).length + canonicalBytes(next.validators).length
  }
  return handoffs
}
