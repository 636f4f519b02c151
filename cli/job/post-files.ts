import { basename } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import { prepareJob } from '#compute/data/prepare.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import type { Client } from '../compose-client.ts'
import { askToSign } from '../confirm.ts'
import type { Context } from '../context.ts'
import { withClient } from './client-session.ts'
import {
  type ReadingFlags,
  type MatchFlags,
  type OfferFlags,
  offerOf,
  prepareOptionsOf,
  workerCountOf,
} from './flags.ts'
import { followToEnd, printSummary } from './follow.ts'
import { meetWorkers } from './meet.ts'
import { expectedSeconds, meterSpec } from './meter.ts'
import { postJob } from './post.ts'
import type { Summary } from './summary.ts'

interface PostFlags extends ReadingFlags, OfferFlags, MatchFlags {
  readonly name?: string
  readonly yes?: boolean
}

/** `quern job post`: reads the files, asks, posts, and follows the job to its end. */
export async function postFiles(
  context: Context,
  command: Command,
  { files, flags }: { files: readonly string[]; flags: PostFlags },
): Promise<void> {
  const workers = workerCountOf(flags)
  const prepared = await prepareJob(files, {
    ...prepareOptionsOf(flags, workers),
    signal: context.stopping,
  })
  if (prepared.initialParameters) {
    const text = `note          workers begin from the job's seed, not from the weights in ${flags.model}`
    context.output.print({ event: 'note', modelFile: flags.model }, text)
  }
  const name = flags.name ?? basename(files[0] ?? '')
  await withClient(context, command, async (client) => {
    const confirm = flags.yes === true ? async () => true : () => askToSign('Sign and post?')
    const summary = await runJob(context, client, { name, prepared, flags, confirm })
    printSummary(context, summary)
    if (summary.phase === 'settled') return
    const message = `the job ended ${summary.phase}; what was not earned is back on your balance`
    throw new AppError({ code: 'JOB_FAILED', jobId: summary.jobId, message })
  })
}

/** Meters, posts and follows one prepared job. */
export async function runJob(
  context: Context,
  client: Client,
  job: {
    name: string
    prepared: PreparedJob
    flags: OfferFlags & MatchFlags
    confirm: (lines: readonly string[]) => Promise<boolean>
  },
): Promise<Summary> {
  const { name, prepared, flags } = job
  const metering = await meterSpec(prepared.train, context.stopping)
  const offer = offerOf(flags, expectedSeconds(prepared.train, metering))
  const confirm = (lines: readonly string[]) => {
    context.output.print({ event: 'offer', name, lines }, lines.join('\n'))
    return job.confirm(lines)
  }
  if (offer.match !== 'direct') await tellWhoIsThere(context, client, offer.workers)
  const { jobId, spec } = await postJob(context, client, {
    name,
    prepared,
    metering,
    offer,
    confirm,
  })
  return followToEnd(context, client, { jobId, dataDir: client.dataDir, spec })
}

async function tellWhoIsThere(context: Context, client: Client, wanted: number): Promise<void> {
  const { clock, stopping: signal } = context
  const met = await meetWorkers(client, wanted, { clock, signal })
  const few = `note          only ${met} of ${wanted} workers can be reached now`
  if (met < wanted) context.output.print({ event: 'workers', met }, few)
}
