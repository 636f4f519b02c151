import type { Command } from 'commander'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { AppError } from '#base/error.ts'
import { type Checkpoint, type LightClient, createLightClient } from '#chain/client/light/client.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { proveJob } from '#chain/client/light/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { accessOf } from './compose.ts'
import { developmentNote } from './consensus-facts.ts'
import type { Context } from './context.ts'
import { withFeed } from './job/client-session.ts'
import { jobIdOfText, viewOf } from './job/find.ts'

/**
 * Proves a finished job's status and verdict against a block that a quorum of the validators signed. The node that
 * answers is not trusted; the genesis root is (`--trust`, else that of network.json), or the root of a later epoch's
 * validators. Throws TRUST_MISSING, LIGHT_MISMATCH, FINALITY_INVALID, HANDOFF_INVALID, PROOF_INVALID,
 * CHECKPOINT_MISMATCH.
 */
export async function runVerifyLight(
  context: Context,
  command: Command,
  text: string,
): Promise<void> {
  const claimed = jobIdOfText(text)
  const network = await context.networkToRead(command)
  const { chainId, rpcUrl, contracts } = accessOf(network)
  const { trust } = command.opts<{ trust?: string }>()
  const checkpoint = checkpointOf(chainId, trust ?? network.genesisRoot ?? '')
  const light = createLightClient(
    { rpc: createHttpRpc(rpcUrl), scheme: createNobleScheme() },
    checkpoint,
  )
  const { output } = context
  await withFeed(context, command, async (feed) => {
    const view = viewOf(feed, claimed)
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
      {
        event: 'verified',
        jobId,
        status,
        attempt,
        agreedCount,
        modelHash,
        ...rootsOf(light, checkpoint),
      },
      `state         ${status}, attempt ${attempt}${told}`,
    )
  })
}

/** The root of the genesis, or `<epoch>:<root>` of a later set. */
function checkpointOf(chainId: number, text: string): Checkpoint {
  const [, epoch, root] = /^(?:([0-9]{1,9}):)?(0x[0-9a-f]{64})$/.exec(text) ?? []
  if (root === undefined) {
    const message =
      'give the root that you trust: --trust 0x… (32 bytes, lower case), or <epoch>:0x…'
    throw new AppError({ code: 'TRUST_MISSING', message })
  }
  const hash = root as Hex
  return epoch === undefined
    ? { chainId, genesisRoot: hash }
    : { chainId, epoch: Number(epoch), setRoot: hash }
}

/** What was trusted, and what to trust next time. */
function rootsOf(light: LightClient, trusted: Checkpoint) {
  const reached = light.checkpoint()
  const trust = reached && 'epoch' in reached ? `${reached.epoch}:${reached.setRoot}` : undefined
  return { ...('genesisRoot' in trusted ? { genesisRoot: trusted.genesisRoot } : {}), trust }
}
