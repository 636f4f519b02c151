import { z } from 'zod'
import { limits } from './limits.ts'
import { address, count, hash32 } from './primitives.ts'

/** Lies: each is provable from what the worker itself committed, and costs its stake. */
export const guiltyKinds = [
  /** The transcript is no transcript of this worker, job and attempt. */
  'transcript',
  /** The Merkle root over its records is not the one on chain. */
  'segmentsRoot',
  /** Segments, rounds or steps are missing, added or out of order. */
  'layout',
  /** A round that the lists have this worker in holds no steps of it, or the other way round. */
  'membership',
  /** A segment does not begin where the one before ended. */
  'input',
  /** The state before the first segment is not the job's initial state. */
  'initialState',
  /** inputRoot, outputRoot or stepRoot is not that of the leaves. */
  'roots',
  /** A step counter does not count. */
  'counter',
  /** An aggregation changed the moments. */
  'moments',
  /** Metered work that the layout does not give. */
  'flops',
  /** The hash in an aggregation step is not that of the round's list. */
  'listHash',
  /** A round's list has neither two thirds of signatures nor the contract behind it. */
  'certificate',
  /** Signed two lists of one round. */
  'doubleVote',
  /** The listed update is not what the steps ended in. */
  'updateRoot',
  /** The bytes of a listed update are not those of its root. */
  'updateBytes',
  /** The model hash on chain is not that of the last state. */
  'modelHash',
  /** The model directory on chain is not that of the last state. */
  'modelCid',
  /** A repeated local step gave another leaf. */
  'step',
  /** A repeated aggregation gave another leaf. */
  'aggregation',
] as const

/** No lies: what was drawn could not be fetched in time, or another list of a round stands. */
export const withheldKinds = [
  'transcriptWithheld',
  'stateWithheld',
  'updateWithheld',
  'overruled',
] as const

export const findingSchema = z.strictObject({
  kind: z.enum([...guiltyKinds, ...withheldKinds]),
  worker: address,
  /** Absent where the whole transcript is meant. */
  segment: count.max(limits.segmentsMax).optional(),
  /** Step within the segment, from 0, aggregations included. */
  step: count.optional(),
  round: count.max(limits.roundsMax).optional(),
  /** What the repetition gave, and what the worker committed. */
  expected: hash32.optional(),
  committed: hash32.optional(),
})
export type Finding = z.infer<typeof findingSchema>

/** What a verdict's `evidenceDigest` names: canonical JSON, the same bytes from every honest evaluator. */
export const evidenceSchema = z.strictObject({
  version: z.literal(1),
  jobId: hash32,
  attempt: count,
  auditSeed: hash32,
  findings: z.array(findingSchema).max(65_536),
  /** Evaluators of which a word was false, ascending; which word of theirs came to whom is no part of it. */
  lazy: z
    .array(address)
    .max(2 * limits.evaluatorsMax)
    .optional(),
})
export type Evidence = z.infer<typeof evidenceSchema>
