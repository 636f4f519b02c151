import type { Command } from 'commander'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { AppError } from '#base/error.ts'
import { createLightClient } from '#chain/client/light/client.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { proveJob } from '#chain/client/light/job.ts'
import { hash32 } from '#wire/primitives.ts'
import { accessOf } from './compose.ts'
import { developmentNote } from './consensus-facts.ts'
import type { Context } from './context.ts'
import { withFeed } from './job/client-session.ts'
import { jobIdOfText, viewOf } from './job/find.ts'

/**
 * Proves a finished job's status and verdict against a block that a quorum of the validators signed. The node that
 * answers is not trusted; the genesis root is (`--trust`, else that of network.json). Throws TRUST_MISSING,
 * LIGHT_MISMATCH, FINALITY_INVALID, PROOF_INVALID, CHECKPOINT_MISMATCH.
 */
export async function runVerifyLight(
  context: Context,
  command: Command,
  text: string,
): Promise<void> {
  const network = await context.network(command)
  const { chainId, rpcUrl, contracts } = accessOf(network)
  const { trust } = command.opts<{ trust?: string }>()
  const { success, data: genesisRoot } = hash32.safeParse(trust ?? network.genesisRoot)
  if (!success) {
    const message = 'give the genesis root that you trust: --trust 0x… (32 bytes, lower case)'
    throw new AppError({ code: 'TRUST_MISSING', message })
  }
  const light = createLightClient(
    { rpc: createHttpRpc(rpcUrl), scheme: createNobleScheme() },
    { chainId, genesisRoot },
  )
  const { output } = context
  await withFeed(context, command, async (feed) => {
    const view = viewOf(feed, jobIdOfText(text))
    const { head, status, attempt, agreedCount } = await proveJob(light, view, contracts.JobManager)
    const { header, blockHash, signerCount, validatorCount } = head
    const place = { number: header.number, blockHash, signerCount, validatorCount }
    output.print(
      { event: 'proven', claim: 'finality', ...place },
      `finality      block ${header.number}, signed by ${signerCount} of ${validatorCount} validators`,
    )
    const note = developmentNote(validatorCount)
    if (note !== undefined) output.print({ event: 'note', note }, `note          ${note}`)
    const { jobId, evaluators, verdict } = view
    const modelHash = verdict?.modelHash
    const told =
      modelHash === undefined
        ? ''
        : `; ${agreedCount} of ${evaluators.length} evaluators gave ${modelHash}`
    output.print(
      { event: 'verified', jobId, status, attempt, agreedCount, modelHash, genesisRoot },
      `state         ${status}, attempt ${attempt}${told}`,
    )
  })
}
