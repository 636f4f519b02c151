import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { certificateSchema } from '#chain/core/consensus/certificate-schema.ts'
import { membersSchema } from '#chain/core/consensus/codec.ts'
import { faultOfHandoff } from '#chain/core/consensus/handoff.ts'
import { type Electorate, isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import { createValidatorSet } from '#chain/core/consensus/validators.ts'
import { consensusBlockSchema } from '#chain/core/consensus-block.ts'
import type { Rpc } from './client.ts'

/** As many as a node gives at once. */
const countMax = 16
const handoffsSchema = z
  .array(
    z.object({
      block: consensusBlockSchema,
      certificate: certificateSchema,
      next: membersSchema,
    }),
  )
  .max(countMax)

/** How validators handed over from an epoch on, as a node says it. Throws ANSWER_INVALID. */
export async function askHandoffs(rpc: Rpc, epoch: number, count: number) {
  const answer = await rpc('quern_handoffs', [epoch, Math.min(count, countMax)])
  const parsed = handoffsSchema.safeParse(answer)
  if (!parsed.success) throw new AppError({ code: 'ANSWER_INVALID', method: 'quern_handoffs' })
  return parsed.data
}

/**
 * Trust carried on from one epoch to another: each set has signed the next by a quorum. Throws HANDOFF_INVALID with
 * what is wrong, HANDOFF_MISSING where the node does not know the way.
 */
export async function followHandoffs(
  rpc: Rpc,
  from: Electorate,
  epoch: number,
): Promise<Electorate> {
  let trust = from
  while (trust.set.epoch < epoch) {
    const handoffs = await askHandoffs(rpc, trust.set.epoch, epoch - trust.set.epoch)
    if (handoffs.length === 0)
      throw new AppError({ code: 'HANDOFF_MISSING', epoch: trust.set.epoch })
    for (const { block, certificate, next: members } of handoffs) {
      const next = createValidatorSet(trust.set.epoch + 1, members)
      const electorate = trust
      const fault = faultOfHandoff(trust.set, { block, certificate, next }, (signed) =>
        isSignedByQuorum(signed, electorate),
      )
      if (fault !== undefined)
        throw new AppError({ code: 'HANDOFF_INVALID', epoch: block.epoch, fault })
      trust = { ...trust, set: next }
    }
  }
  return trust
}
