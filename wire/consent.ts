import { z } from 'zod'
import { address, count, hexBytes, signature65 } from './primitives.ts'

/** Over this protocol a client asks a worker for its signed word on a job that volunteers cannot take. */
export const consentProtocol = '/quern/consent/1'

/** The ABI-encoded terms of a job that need not be on chain yet. */
export const consentRequestSchema = z.strictObject({ terms: hexBytes })

/** The worker's word: EIP-712 Offer or Acceptance, as the match mode of the terms asks. */
export const consentSchema = z.strictObject({
  owner: address,
  operator: address,
  /** Unix seconds. */
  validUntil: count,
  signature: signature65,
})
export type Consent = z.infer<typeof consentSchema>
