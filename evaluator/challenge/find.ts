import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { listRoot } from '#base/crypto/merkle.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { claimOf } from '#chain/client/dispute/announced.ts'
import type { Claim } from '#chain/client/dispute/claim.ts'
import { leafHashOf, segmentSeedOf } from '#compute/train/commit.ts'
import { type RoundOutcome, runCourse } from '#compute/train/course.ts'
import { firstBatchOf } from '#compute/train/records.ts'
import { programOfSpec } from '#compute/transcript/tensor-file.ts'
import { programRootOf } from '#compute/transcript/tensors.ts'
import type { StepSource } from '#dispute/files.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, Transcript } from '#wire/segment.ts'
import type { OpenAttempt } from '../open-attempt.ts'

/** A claim that the own replay contradicts, with what a player needs of it. */
export interface WrongClaim {
  readonly claim: Claim
  readonly signature: Hex
  readonly source: StepSource
}

interface Suspect {
  readonly worker: Hex
  readonly transcript: Transcript
  /** Directory below `files` that stays until the dispute is over. */
  readonly folder: string
  readonly signal: AbortSignal
}

/**
 * Computes an attempt again up to the first round in which a worker signed another leaf than its steps give. Answers
 * undefined where its claims are right, or none can be disputed: without one of that round, about another program, or
 * from another leaf than the replay's, which an earlier fault of somebody else explains; 'other batches' where it says
 * that it trained on other rows than its seed draws. That is for verdicts: from rows that both agree on, no step of
 * it need be wrong, and whoever disputes it loses.
 */
export async function findWrongClaim(
  { files }: { files: Files },
  attempt: OpenAttempt,
  suspect: Suspect,
): Promise<WrongClaim | 'other batches' | undefined> {
  const { transcript, worker, folder, signal } = suspect
  const { chainId, jobId, beacon, active, view } = attempt.place
  const { train } = attempt.spec
  const index = active.indexOf(worker)
  assert(index >= 0, 'the worker takes part in the attempt')
  const claims = new Map((transcript.claims ?? []).map((claim) => [claim.round, claim]))
  let start: Leaf = attempt.facts.initial
  let wrong: { outcome: RoundOutcome; leaves: readonly Leaf[] } | undefined
  const listAt = (round: number) => (transcript.rounds[round] as RoundList).list
  const onRound = (outcome: RoundOutcome): boolean => {
    const steps = outcome.reports[index]?.leaves ?? []
    const claim = claims.get(outcome.round)
    const last = steps.at(-1)
    if (claim && last && claim.endLeaf !== leafHashOf(last)) {
      wrong = { outcome, leaves: [start, ...steps] }
      return false
    }
    start = outcome.aggregated[index] ?? start
    return true
  }
  await runCourse(
    { runners: [attempt.runner], scratchDirectory: files.path(folder) },
    {
      course: { chainId, jobId, beacon, attempt: attempt.place.attempt, active, train },
      rules: {
        membersOf: (round) => listAt(round).map((update) => update.worker),
        listOf: listAt,
        onRound,
      },
    },
    { signal },
  )
  if (!wrong) return undefined
  const signed = claims.get(wrong.outcome.round)
  const from = wrong.outcome.before[index]
  if (!signed || !from) return undefined
  const program = programOfSpec(train)
  const isDisputable =
    signed.programRoot === toHex(programRootOf(program)) &&
    signed.startLeaf === leafHashOf(wrong.leaves[0] as Leaf) &&
    signed.steps === train.localSteps
  if (!isDisputable) return undefined
  const place = { worker, round: wrong.outcome.round, segment: signed.segment, from, index }
  const { leaves } = wrong
  const batches = await batchesOf(attempt, { ...place, firstStep: leaves[0]?.step ?? 0, signal })
  if (signed.batchRoot !== toHex(listRoot(batches.map((root) => fromHex(root))))) {
    return 'other batches'
  }
  const transcribe = transcriber({ files }, attempt, { ...suspect, ...place })
  return {
    claim: claimOf(transcript, view, signed),
    signature: signed.signature,
    source: { program, leaves, transcribe, batches: async () => batches },
  }
}

/** What each local step of the round is given beside its state, by the worker's seed and shard. */
function batchesOf(
  { runner, place, spec: { train } }: OpenAttempt,
  of: Pick<Suspect, 'worker' | 'signal'> & {
    round: number
    segment: number
    index: number
    firstStep: number
  },
): Promise<readonly Hex[]> {
  const { worker, segment, round, index, firstStep, signal } = of
  const task = {
    segmentSeed: segmentSeedOf({ ...place, segment, worker }),
    shard: { index, count: place.active.length },
    firstBatch: firstBatchOf(train, round),
    firstStep,
    steps: train.localSteps,
  }
  return runner.batches(task, { signal })
}

/** Repeats the local steps of a round up to one, and writes down the tensors of that one. */
function transcriber(
  { files }: { files: Files },
  { runner, place, spec }: OpenAttempt,
  of: Suspect & { round: number; segment: number; from: string; index: number },
): (step: number) => Promise<string> {
  const { worker, segment, round, from, index, folder, signal } = of
  const segmentSeed = segmentSeedOf({ ...place, segment, worker })
  const shard = { index, count: place.active.length }
  const firstBatch = firstBatchOf(spec.train, round)
  return async (step) => {
    if (step >= spec.train.localSteps) throw new AppError({ code: 'STEP_UNKNOWN', step })
    const before = step === 0 ? from : files.path(`${folder}/before.safetensors`)
    if (step > 0) {
      await files.remove(`${folder}/before.safetensors`)
      const task = { from, to: before, segmentSeed, firstBatch, steps: step, shard }
      await runner.train(task, { signal })
    }
    const tensorsTo = files.path(`${folder}/tensors.bin`)
    await files.remove(`${folder}/tensors.bin`)
    const batch = firstBatch + step
    await runner.transcribe({ from: before, tensorsTo, segmentSeed, batch, shard }, { signal })
    return tensorsTo
  }
}
