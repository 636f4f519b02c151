import { z } from 'zod'
import { limits } from './limits.ts'
import { preprocessingSchema } from './preprocessing.ts'
import { address, cid, count, hash32, hexBytes } from './primitives.ts'
import { taskSchema } from './task.ts'
import { trainSpecSchema } from './spec.ts'

/** The held-out key, sealed by HPKE to one registered evaluator's X25519 key. */
export const sealedKeySchema = z.object({
  evaluator: address,
  /** enc | ciphertext | tag, as `base/crypto/seal.ts` writes them. */
  sealed: hexBytes,
})
export type SealedKey = z.infer<typeof sealedKeySchema>

const artifactSchema = z.object({
  cid,
  rows: count.max(limits.rowsMax),
  sizeBytes: count.max(limits.artifactBytesMax),
})

/**
 * What a job is, apart from its money: one canonical JSON file whose SHA-256 is in the terms.
 * Rows of `trainSet` are shuffled by the client; worker k of n active ones owns rows i with i mod n = k.
 */
export const jobSpecSchema = z.object({
  version: z.literal(1),
  name: z.string().max(200),
  task: taskSchema,
  metric: z.enum(['accuracy', 'r2']),
  engineId: hash32,
  splitSeed: count,
  train: trainSpecSchema,
  preprocessing: preprocessingSchema,
  trainSet: artifactSchema,
  heldOut: artifactSchema.extend({ sealed: z.array(sealedKeySchema).max(limits.sealedKeysMax) }),
})
export type JobSpec = z.infer<typeof jobSpecSchema>

/** What the sealing of the held-out key is bound to (HPKE's `info`): the encrypted rows it opens. */
export function heldOutContext(heldOutCid: string): Uint8Array {
  return new TextEncoder().encode(`quern/held-out/1|${heldOutCid}`)
}
