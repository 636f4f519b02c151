import { z } from 'zod'
import { limits } from './limits.ts'
import { address, cid, count, hash32, signature65 } from './primitives.ts'
import { listedUpdateSchema } from './segment.ts'

const place = {
  attempt: count.max(255),
  worker: address,
}

/** "My parameters after the local steps of this round are these bytes." Signed as EIP-712 RoundUpdate. */
const updateSchema = z.object({
  kind: z.literal('update'),
  ...place,
  round: count.max(limits.roundsMax),
  updateRoot: hash32,
  cid,
  sizeBytes: count.max(limits.artifactBytesMax),
  loss: z.number(),
  signature: signature65,
})

/**
 * "I hold the bytes of every update in this list." The leader's vote is the proposal; two thirds of the
 * active workers make the certificate. A worker signs one list a round, as EIP-712 RoundList.
 */
const voteSchema = z.object({
  kind: z.literal('vote'),
  ...place,
  round: count.max(limits.roundsMax),
  view: count.max(1024),
  list: z.array(listedUpdateSchema).min(1).max(limits.workersMax),
  signature: signature65,
})

/** "This segment of mine is finished; its record is this file." */
const segmentSchema = z.object({
  kind: z.literal('segment'),
  ...place,
  segment: count.max(limits.segmentsMax),
  recordHash: hash32,
})

/** "Here is the state before the drawn step of my segment." */
const openingSchema = z.object({
  kind: z.literal('opening'),
  ...place,
  segment: count.max(limits.segmentsMax),
  step: count,
  cid,
  sizeBytes: count.max(limits.artifactBytesMax),
})

/**
 * "I found this by repeating a drawn step." With it goes, unless its state was withheld, the tag that only who has
 * the step's bytes can make, and the signature of tag and outcome as EIP-712 AuditTag.
 */
const auditSchema = z.object({
  kind: z.literal('audit'),
  attempt: count.max(255),
  evaluator: address,
  worker: address,
  segment: count.max(limits.segmentsMax),
  step: count,
  outcome: z.enum(['equal', 'different', 'withheld']),
  tag: hash32.optional(),
  signature: signature65.optional(),
})

/**
 * "My tags for this worker's segments are all out; the randomness of this height draws those that another evaluator
 * repeats." Counts where it is heard before that height is there.
 */
const fixedSchema = z.object({
  kind: z.literal('fixed'),
  attempt: count.max(255),
  evaluator: address,
  worker: address,
  height: count,
})

/** An evaluator's signed word about a step. */
export const auditWordSchema = z.strictObject({
  evaluator: address,
  worker: address,
  segment: count.max(limits.segmentsMax),
  step: count,
  isEqual: z.boolean(),
  tag: hash32,
  signature: signature65,
})
export type AuditWord = z.infer<typeof auditWordSchema>

/**
 * "I am done: these workers' steps are wrong, and these words of evaluators." One of each evaluator in an attempt
 * counts, the first. All others repeat what it names before they judge.
 */
const claimsSchema = z.object({
  kind: z.literal('claims'),
  attempt: count.max(255),
  evaluator: address,
  workers: z.array(address).max(limits.workersMax),
  words: z.array(auditWordSchema).max(2 * limits.evaluatorsMax),
})

/** Everything that may stand in a job's topic. Bodies are canonical JSON of at most 64 KiB. */
export const topicEntrySchema = z.discriminatedUnion('kind', [
  updateSchema,
  voteSchema,
  segmentSchema,
  openingSchema,
  auditSchema,
  fixedSchema,
  claimsSchema,
])
export type TopicEntry = z.infer<typeof topicEntrySchema>
export type UpdateEntry = z.infer<typeof updateSchema>
export type VoteEntry = z.infer<typeof voteSchema>
export type OpeningEntry = z.infer<typeof openingSchema>
export type AuditEntry = z.infer<typeof auditSchema>
export type ClaimsEntry = z.infer<typeof claimsSchema>

/** Topic names of NETWORK.md. */
export const topicOf = {
  transaction: (chainId: number) => `quern/${chainId}/tx`,
  block: (chainId: number) => `quern/${chainId}/block`,
  vote: (chainId: number) => `quern/${chainId}/vote`,
  capability: (chainId: number) => `quern/${chainId}/capability`,
  job: (chainId: number, jobId: string) => `quern/${chainId}/job/${jobId}`,
}
