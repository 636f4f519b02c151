import { z } from 'zod'
import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { type Hex, address, count, hash32 } from '#wire/primitives.ts'

const electionsSchema = z.array(
  z.object({
    height: count,
    mode: z.enum(['stake', 'work']),
    leader: address,
    modelHash: hash32,
    work: z.object({ jobId: hash32, j: count, seat: count }).nullable(),
  }),
)
export type Election = z.infer<typeof electionsSchema>[number]

const lookMs = 500
const heightsAtOnce = 256

/** The first block from a height on that a job's work led; undefined where none came in time. */
export async function firstLedBy(
  { rpcUrl, clock }: { readonly rpcUrl: string; readonly clock: Clock },
  job: { readonly jobId: Hex; readonly fromHeight: number },
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Election | undefined> {
  const rpc = createHttpRpc(rpcUrl)
  const endMs = clock.nowMs() + timeoutMs
  let from = Math.max(1, job.fromHeight)
  while (clock.nowMs() < endMs && !signal.aborted) {
    try {
      const elections = electionsSchema.parse(await rpc('quern_elections', [from, heightsAtOnce]))
      const led = elections.find(({ mode, work }) => mode === 'work' && work?.jobId === job.jobId)
      if (led !== undefined) return led
      from += elections.length
    } catch (error) {
      if (codeOf(error) !== 'RPC_FAILED') throw error
    }
    await clock.sleep(lookMs, signal)
  }
  return undefined
}
