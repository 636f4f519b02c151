import type { Command } from 'commander'
import { isAttested, unitsOf } from '#chain/client/ledger-view.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Context } from '../context.ts'
import { withFeed } from './client-session.ts'
import { jobIdOfText, viewOf } from './find.ts'
import { escrowOf, weiToTrain } from './terms.ts'

/** `quern job list`. */
export async function listJobs(context: Context, command: Command): Promise<void> {
  await withFeed(context, command, async (feed) => {
    for (const view of feed.jobs()) {
      const { jobId, phase, attempt, client, terms, postedBlock } = view
      const { rewardWei } = terms
      const text = `${jobId}  ${phase.padEnd(10)} block ${postedBlock}  ${weiToTrain(rewardWei)} TRAIN`
      context.output.print(
        { event: 'job', jobId, phase, attempt, client, rewardWei, postedBlock },
        text,
      )
    }
    if (feed.jobs().length === 0 && !context.output.isJson) {
      context.output.print({ event: 'jobs' }, 'no jobs yet; "quern job post" makes one')
    }
  })
}

/** `quern job show`. */
export async function showJob(context: Context, command: Command, text: string): Promise<void> {
  await withFeed(context, command, async (feed) => {
    const view = viewOf(feed, jobIdOfText(text))
    context.output.print({ event: 'job', ...view }, describe(view).join('\n'))
  })
}

function describe(view: JobView): readonly string[] {
  const { terms } = view
  const indexed = view.workers.map((worker, i) => {
    const result = view.results.find((one) => one.worker === worker)
    const isActive = view.active.includes(i) ? '' : ' (removed)'
    return `worker ${i}      ${worker}${isActive} ${result?.modelHash ?? ''}`
  })
  return [
    `job           ${view.jobId}`,
    `client        ${view.client}`,
    `phase         ${view.phase}, attempt ${view.attempt + 1}, posted in block ${view.postedBlock}`,
    `escrow        ${weiToTrain(escrowOf(terms))} TRAIN, of it ${weiToTrain(terms.rewardWei)} reward`,
    ...indexed,
    ...view.evaluators.map((evaluator) => `evaluator     ${evaluator}`),
    ...view.slashes.map((one) => `slashed       ${one.account} ${weiToTrain(one.amountWei)} TRAIN`),
    ...view.payouts.map((one) => `paid          ${one.account} ${weiToTrain(one.amountWei)} TRAIN`),
    `burned        ${weiToTrain(view.burnedWei)} TRAIN, refunded ${weiToTrain(view.refundedWei)} TRAIN`,
    ...segmentsText(view),
  ]
}

/** What workers committed to lead blocks by, and what became of it. */
function segmentsText({ ledger, workers }: JobView): readonly string[] {
  return workers.flatMap((worker, i) => {
    const count = ledger.commitments.filter((one) => one.worker === worker).length
    if (count === 0) return []
    const units = unitsOf(ledger, worker)
    const state = isAttested(ledger, i) ? 'attested' : 'not attested'
    return [`segments      ${worker}  ${count} committed, ${state}, ${units} units of work`]
  })
}
