import type { Command } from 'commander'
import { createOperators } from '#chain/client/operators.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { ReplayWish } from '#evaluator/verification.ts'
import { verifyJob } from '#evaluator/verify.ts'
import { createFiles } from '#store/files.ts'
import { limits } from '#wire/limits.ts'
import { consensusFactsOf, developmentNote } from './consensus-facts.ts'
import type { Context } from './context.ts'
import { withStation } from './job/client-session.ts'
import { jobIdOfText, viewOf } from './job/find.ts'
import { integerOf } from './job/flags.ts'

interface VerifyFlags {
  readonly full?: boolean
  readonly sample?: string
}

/** Verifies a job from RPC and peers alone; prints each claim that is proven. Throws VERIFY_FAILED. */
export async function runVerify(context: Context, command: Command, text: string): Promise<void> {
  const replay = replayOf(command.opts<VerifyFlags>())
  const jobId = jobIdOfText(text)
  const { threads } = await context.settings(command)
  const { output, clock, rng, stopping: signal } = context
  const startMs = clock.nowMs()
  await withStation(context, command, async (station, dataDir) => {
    const { feed, access } = station
    const view = viewOf(feed, jobId)
    const deps = {
      ...station,
      operators: createOperators(access),
      files: createFiles(dataDir),
      openRunner: () => createRunner(),
      clock,
      rng,
    }
    const verified = await verifyJob(deps, view, {
      chainId: access.chainId,
      jobManager: access.contracts.JobManager,
      replay,
      threads,
      signal,
      onProof: (proof) =>
        output.print({ event: 'proven', ...proof }, `${proof.claim.padEnd(13)} ${proof.text}`),
      onProgress: ({ round, rounds }) => output.print({ event: 'replayed', round, rounds }),
    })
    const facts = await consensusFactsOf(access.rpcUrl)
    const note = facts && developmentNote(facts.validators)
    if (note !== undefined) output.print({ event: 'note', note }, `note          ${note}`)
    const wallMs = clock.nowMs() - startMs
    const line = `verified      in ${(wallMs / 1000).toFixed(1)} s`
    output.print({ event: 'verified', ...verified, wallMs }, line)
  })
}

function replayOf({ full, sample }: VerifyFlags): ReplayWish {
  if (full === true) return 'full'
  if (sample === undefined) return 'some'
  const max = limits.segmentsMax * limits.workersMax
  return { sample: integerOf('sample', sample, { min: 1, max }) }
}
