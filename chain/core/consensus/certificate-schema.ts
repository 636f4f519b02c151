import { z } from 'zod'
import { blsSignature, count, hash32 } from '#wire/primitives.ts'

/** What a vote and a certificate say alike. */
export const statementFields = {
  kind: z.enum(['notarize', 'nullify', 'finalize']),
  epoch: count,
  view: count,
  block: hash32.optional(),
}
type Statement = { readonly kind: string; readonly block?: unknown }
/** Only a nullification names no block. */
export const namesBlock = ({ kind, block }: Statement) =>
  (kind === 'nullify') === (block === undefined)

/** Bitmaps of up to 4,096 validators. */
const bitmap = z.custom<`0x${string}`>(
  (value) => typeof value === 'string' && /^0x([0-9a-f]{2}){1,512}$/.test(value),
)

export const certificateSchema = z
  .strictObject({ ...statementFields, signers: bitmap, signature: blsSignature })
  .refine(namesBlock, { error: 'only a nullification names no block' })
