import type { JobView } from '#chain/client/view.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { TopicEntry } from '#wire/topic.ts'
import type { Output } from '../output.ts'
import { weiToTrain } from './terms.ts'

/** Tells what happens in a job: each phase, each tenth of the rounds with the loss so far, each audit and slash. */
export interface Progress {
  onView(view: JobView): void
  onEntry(entry: TopicEntry): void
}

const bars = '▁▂▃▄▅▆▇█'
const curvePointsMax = 32
const attemptsMax = 256

/** Creates the teller of one job. */
export function createProgress(output: Output, spec: JobSpec): Progress {
  const losses = new Map<number, number[]>()
  let shown = { phase: '', attempt: -1, slashes: 0, round: -1, audits: 0 }
  let last: JobView | undefined

  function onView(view: JobView): void {
    last = view
    if (view.phase !== shown.phase || view.attempt !== shown.attempt) {
      const { phase, attempt } = view
      output.print({ event: 'phase', jobId: view.jobId, phase, attempt }, phaseText(view))
      shown = { ...shown, phase, attempt, round: attempt === shown.attempt ? shown.round : -1 }
    }
    for (const { account, amountWei } of view.slashes.slice(shown.slashes)) {
      const text = `  slashed     ${account} loses ${weiToTrain(amountWei)} TRAIN`
      output.print({ event: 'slash', jobId: view.jobId, account, amountWei }, text)
    }
    shown = { ...shown, slashes: view.slashes.length }
  }

  function onRound(attempt: number, round: number, loss: number): void {
    if (attempt > attemptsMax) return
    const known = losses.get(attempt) ?? []
    known[round] = known[round] === undefined ? loss : Math.min(known[round], loss)
    losses.set(attempt, known)
    const step = Math.max(1, Math.ceil(spec.train.rounds / 10))
    const isDue = round > shown.round && (round % step === 0 || round === spec.train.rounds - 1)
    if (!isDue || attempt !== (last?.attempt ?? 0)) return
    shown = { ...shown, round }
    const { rounds } = spec.train
    const text = `  round ${`${round + 1}/${rounds}`.padEnd(8)} loss ${loss.toFixed(4)}  ${curve(known)}`
    output.print({ event: 'round', attempt, round, rounds, loss }, text)
  }

  function onAudit(entry: Extract<TopicEntry, { kind: 'audit' }>): void {
    const { worker, segment, step, outcome, evaluator } = entry
    const fields = { worker, segment, step, outcome, evaluator }
    const text = `  audit       ${worker} segment ${segment} step ${step}: ${outcome}`
    const isTold = outcome !== 'equal' && shown.audits < 8
    if (isTold) shown = { ...shown, audits: shown.audits + 1 }
    output.print({ event: 'audit', ...fields }, isTold ? text : undefined)
  }

  function onEntry(entry: TopicEntry): void {
    if (entry.kind === 'update') onRound(entry.attempt, entry.round, entry.loss)
    if (entry.kind === 'audit') onAudit(entry)
  }

  return { onView, onEntry }
}

function phaseText(view: JobView): string {
  const texts: Record<JobView['phase'], string> = {
    posted: `job ${view.jobId}`,
    running: people(view.active.map((i) => view.workers[i] as Hex)),
    submitted: `${view.results.length} results; the audit seed is block ${view.auditHeight}`,
    attesting: people(view.evaluators),
    completed: `model ${view.verdict?.modelHash ?? ''}`,
    settled: 'everybody is paid',
    cancelled: 'the escrow went back',
    expired: 'what was not earned went back',
  }
  const isAgain = view.phase === 'running' && view.attempt > 0
  const attempt = isAgain ? ` (attempt ${view.attempt + 1})` : ''
  return `${view.phase.padEnd(14)}${texts[view.phase]}${attempt}`
}

function people(accounts: readonly Hex[]): string {
  return accounts.map((account) => account.slice(0, 10)).join(' ')
}

/** A line of bars, the highest loss full, at most 32 of them. */
function curve(losses: readonly (number | undefined)[]): string {
  const known = losses.filter((loss) => loss !== undefined)
  const every = Math.max(1, Math.ceil(known.length / curvePointsMax))
  const points = known.filter((_, i) => i % every === 0)
  const top = Math.max(...points, Number.MIN_VALUE)
  return points.map((loss) => bars[Math.min(7, Math.floor((loss / top) * 7.99))]).join('')
}
