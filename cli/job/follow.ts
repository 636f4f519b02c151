import type { Command } from 'commander'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Station } from '../compose.ts'
import type { Context } from '../context.ts'
import { withStation } from './client-session.ts'
import { jobIdOfText, viewOf } from './find.ts'
import { createProgress } from './progress.ts'
import { type Summary, summaryOf } from './summary.ts'
import { weiToTrain } from './terms.ts'
import { watchJob } from './watch.ts'

/** `quern job watch`. */
export async function followJob(context: Context, command: Command, text: string): Promise<void> {
  await withStation(context, command, async (station, dataDir) => {
    const jobId = jobIdOfText(text)
    const view = viewOf(station.feed, jobId)
    const spec = await fetchJobSpec(station.artifacts, view.terms.specDigest, {
      signal: context.stopping,
    })
    const summary = await followToEnd(context, station, { jobId, dataDir, spec })
    printSummary(context, summary)
  })
}

/** Tells the progress of a job until it is over, then sums it up. */
export async function followToEnd(
  context: Context,
  station: Station,
  job: { jobId: Hex; dataDir: string; spec: JobSpec },
): Promise<Summary> {
  const { jobId, dataDir, spec } = job
  const progress = createProgress(context.output, spec)
  const signal = context.stopping
  const view = await watchJob(station, { jobId, dataDir }, { progress, signal })
  return summaryOf(view, spec)
}

/** Prints how a job ended. */
export function printSummary(context: Context, summary: Summary): void {
  context.output.print(
    summary as Summary & Record<string, unknown>,
    summaryText(summary).join('\n'),
  )
}

/** The ending for people. */
export function summaryText(summary: Summary): readonly string[] {
  const { metric } = summary
  const value = metric.value === null ? 'none' : percentOf(metric)
  const money = (one: { paidWei: bigint; slashedWei: bigint }) => {
    const lost = one.slashedWei === 0n ? '' : `, slashed ${weiToTrain(one.slashedWei)}`
    return `paid ${weiToTrain(one.paidWei)} TRAIN${lost}`
  }
  return [
    '',
    `${metric.name.padEnd(13)} ${value} on the held-out part`,
    ...summary.workers.map(
      (one) => `worker        ${one.address}  ${one.segments} segments, ${money(one)}`,
    ),
    ...summary.evaluators.map((one) => `evaluator     ${one.address}  ${money(one)}`),
    `burned        ${weiToTrain(summary.burnedWei)} TRAIN, back to the client ${weiToTrain(summary.refundedWei)} TRAIN`,
    `model         ${summary.modelCid ?? 'none'}`,
    `model hash    ${summary.modelHash ?? 'none'}`,
    `in block      ${summary.modelBlock ?? 'none yet'}`,
    `verify with   npm run -s quern -- verify ${summary.jobId} --full`,
  ]
}

function percentOf({ name, value }: Summary['metric']): string {
  return name === 'accuracy' ? `${((value ?? 0) * 100).toFixed(2)} %` : (value ?? 0).toFixed(4)
}
