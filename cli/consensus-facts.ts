import { z } from 'zod'
import { codeOf } from '#base/error.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { count, hash32 } from '#wire/primitives.ts'

const factsSchema = z.object({
  validators: count,
  newestDraw: z
    .object({ height: count, mode: z.enum(['stake', 'work']), jobId: hash32, modelHash: hash32 })
    .nullable(),
})
export type ConsensusFacts = z.infer<typeof factsSchema>

/** With fewer of them, whoever runs one knows lots before others do, and may wait for a better one. */
const validatorsMin = 4

/** What a node says of its consensus; undefined where the chain is not one of ours. */
export async function consensusFactsOf(rpcUrl: string): Promise<ConsensusFacts | undefined> {
  try {
    return factsSchema.parse(await createHttpRpc(rpcUrl)('quern_status', []))
  } catch (error) {
    if (codeOf(error) === 'RPC_FAILED') return undefined
    throw error
  }
}

/** What users must know of a chain with so many validators; undefined where there is nothing to say. */
export function developmentNote(validators: number): string | undefined {
  if (validators >= validatorsMin) return undefined
  const many = validators === 1 ? 'one validator' : `${validators} validators`
  return `${many}: a development chain, whose operator can predict lots`
}
