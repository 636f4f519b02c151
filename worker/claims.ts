import type { LocalAccount } from 'viem'
import { listRoot } from '#base/crypto/merkle.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { claimOf } from '#chain/client/dispute/announced.ts'
import { signClaim } from '#chain/client/dispute/claim.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import { leafHashOf } from '#compute/train/commit.ts'
import { programOfSpec } from '#compute/transcript/tensor-file.ts'
import { programRootOf } from '#compute/transcript/tensors.ts'
import { jobModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, SignedClaim, Transcript } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'

/** How long a claim may be disputed after it was signed; less than a game's balance takes to thaw. */
const claimSeconds = 86_400n

/**
 * The transcript with this worker's signed word for the local steps of each round, where the chain has a game for
 * disputes and the job is exact; else as it is.
 */
export async function signClaims(
  deps: { account: LocalAccount; feed: Pick<JobFeed, 'head'> },
  options: { chainId: number; disputeGame?: Hex },
  work: {
    view: JobView
    spec: TrainSpec
    transcript: Transcript
    /** What each local step of a round was given beside its state. */
    batchesOf: (round: number) => Promise<readonly Hex[]>
  },
): Promise<Transcript> {
  const { account, feed } = deps
  const { chainId, disputeGame } = options
  const { view, spec, transcript, batchesOf } = work
  if (view.terms.mode !== jobModes.exact) return transcript // no arithmetic decides about it
  if (!disputeGame) return transcript
  const programRoot = toHex(programRootOf(programOfSpec(spec)))
  const asserter = account.address.toLowerCase() as Hex
  const validUntil = Number(feed.head().timestamp + claimSeconds)
  const claims: SignedClaim[] = []
  for (const { segment, round, leaves } of roundsOf(transcript)) {
    const [start, end] = [leaves[0], leaves.at(-1)]
    if (!start || !end || leaves.length < 2) continue // a round that left this worker out
    const unsigned = {
      segment,
      round,
      steps: leaves.length - 1,
      startLeaf: leafHashOf(start),
      endLeaf: leafHashOf(end),
      programRoot,
      batchRoot: toHex(listRoot((await batchesOf(round)).map((root) => fromHex(root)))),
      validUntil,
      asserter,
    }
    const claim = claimOf(transcript, view, unsigned)
    const signature = await signClaim(account, { chainId, disputeGame }, claim)
    claims.push({ ...unsigned, signature })
  }
  return { ...transcript, claims }
}

/** The leaves of each round: the one before its first local step, then one after each. */
function roundsOf({ records }: Transcript) {
  const rounds: { segment: number; round: number; leaves: readonly Leaf[] }[] = []
  for (const { segment, input, rounds: all } of records) {
    let before = input
    for (const { round, steps, aggregated } of all) {
      rounds.push({ segment, round, leaves: [before, ...steps] })
      before = aggregated
    }
  }
  return rounds
}
