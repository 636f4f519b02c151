import { z } from 'zod'
import { limits } from './limits.ts'
import { address, cid, count, hash32, signature65 } from './primitives.ts'

/**
 * What is committed of one step: the part roots of the state after it (parameters p, first and second
 * moments m and v, the step count) and the root of its transcript (gradients and loss; for an aggregation
 * step the hash of the round's list).
 */
export const leafSchema = z.object({
  p: hash32,
  m: hash32,
  v: hash32,
  step: count,
  transcript: hash32,
})
export type Leaf = z.infer<typeof leafSchema>

/** One update that a round aggregates: the parameters of `worker` after its local steps. */
export const listedUpdateSchema = z.object({ worker: address, updateRoot: hash32, cid })
export type ListedUpdate = z.infer<typeof listedUpdateSchema>

/** The list a round aggregates, in worker-index order, with the signatures that make it a certificate. */
export const roundListSchema = z.object({
  round: count.max(limits.roundsMax),
  list: z.array(listedUpdateSchema).max(limits.workersMax),
  signatures: z.array(z.object({ worker: address, signature: signature65 })).max(limits.workersMax),
  /** True when the contract fixed the list by closeRound; then no signatures are needed. */
  isClosedOnChain: z.boolean(),
})
export type RoundList = z.infer<typeof roundListSchema>

/** A worker's part of one round: its local steps (none when the list lacks it), then the aggregation. */
export const roundStepsSchema = z.object({
  round: count.max(limits.roundsMax),
  listHash: hash32,
  steps: z.array(leafSchema).max(4096),
  aggregated: leafSchema,
})
export type RoundSteps = z.infer<typeof roundStepsSchema>

/** Some whole rounds of one worker: the unit of commitment, audit and pay. */
export const segmentRecordSchema = z.object({
  version: z.literal(1),
  jobId: hash32,
  attempt: count,
  segment: count.max(limits.segmentsMax),
  worker: address,
  input: leafSchema,
  rounds: z.array(roundStepsSchema).min(1).max(64),
  inputRoot: hash32,
  outputRoot: hash32,
  stepRoot: hash32,
  flops: count,
})
export type SegmentRecord = z.infer<typeof segmentRecordSchema>

/**
 * A worker's signed word for the local steps of one round, which anybody can dispute (contracts/DisputeGame.sol):
 * leaf hashes before and after them. Job, attempt and client are those of the transcript that it stands in.
 */
export const signedClaimSchema = z.object({
  segment: count.max(limits.segmentsMax),
  round: count.max(limits.roundsMax),
  steps: count.min(1).max(4096),
  startLeaf: hash32,
  endLeaf: hash32,
  programRoot: hash32,
  /** List root over what each step was given beside its state. */
  batchRoot: hash32,
  /** Unix seconds. */
  validUntil: count,
  /** The operator that signed and answers disputes. */
  asserter: address,
  signature: signature65,
})
export type SignedClaim = z.infer<typeof signedClaimSchema>

/** All that one worker committed in one attempt; the SHA-256 Merkle root of its records is on chain. */
export const transcriptSchema = z.object({
  version: z.literal(1),
  jobId: hash32,
  attempt: count,
  worker: address,
  records: z.array(segmentRecordSchema).max(limits.segmentsMax),
  rounds: z.array(roundListSchema).max(limits.roundsMax),
  /** Where the chain has a game for disputes and the model a program for it. */
  claims: z.array(signedClaimSchema).max(limits.roundsMax).optional(),
})
export type Transcript = z.infer<typeof transcriptSchema>

/** The only file of the directory whose digest is on chain, so that its CID has one codec at any size. */
export const transcriptFileName = 'transcript.json'
