import { codeOf } from '#base/error.ts'
import type { Finding } from '#wire/evidence.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Challenge, type ChallengeDeps, challenge, slash } from './challenge.ts'

/** Disputes that follow from an evaluator's own findings, one after another in the background. */
export interface Challenges {
  /** What examining an attempt found; only what replaying steps contradicts is disputed. */
  found(view: JobView, findings: readonly Finding[]): void
  /** Goes on with the disputes that an earlier process of this account opened. */
  resume(jobs: readonly JobView[]): Promise<void>
  ended(): Promise<void>
}

const disputable: readonly Finding['kind'][] = ['step']
const waitingMax = 64

export function createChallenges(
  deps: ChallengeDeps & { registry: Pick<Registry, 'entryOf'> },
  options: Omit<Challenge, 'view' | 'attempt' | 'worker'>,
): Challenges {
  const { log, disputes } = deps
  const { signal, self } = options
  const wanted = new Set<string>()
  let last: Promise<void> = Promise.resolve()

  function want(view: JobView, attempt: number, worker: Hex): void {
    const { jobId } = view
    const key = `${jobId}/${attempt}/${worker}`
    if (wanted.has(key) || wanted.size >= waitingMax) return
    wanted.add(key)
    last = last.then(() => perform({ view, attempt, worker })).finally(() => wanted.delete(key))
  }

  async function perform(of: Pick<Challenge, 'view' | 'attempt' | 'worker'>): Promise<void> {
    const { worker } = of
    const { jobId } = of.view
    if (signal.aborted) return
    try {
      const done = await challenge(deps, { ...options, ...of })
      if (done.kind === 'left')
        return log.info({ jobId, worker, reason: done.reason }, 'no dispute')
      const { standing, gasUsed } = done.played
      const { winner, loser } = standing.outcome ?? {}
      const figures = { moves: standing.moves, gasUsed: Number(gasUsed), winner, loser }
      log.warn({ jobId, worker, id: done.id, ...figures }, 'dispute decided')
    } catch (error) {
      if (!signal.aborted)
        log.error({ err: error, code: codeOf(error), jobId }, 'dispute not played')
    }
  }

  return {
    found(view, findings) {
      const workers = findings.filter(({ kind }) => disputable.includes(kind))
      const named = new Set(workers.map(({ worker }) => worker))
      for (const worker of named) want(view, view.attempt, worker)
    },
    async resume(jobs) {
      const own = (await disputes.all()).filter(({ challenger }) => challenger === self)
      for (const { claim, asserter, outcome } of own) {
        const view = jobs.find(({ jobId }) => jobId === claim.jobId)
        if (outcome) {
          if (view && outcome.winner === self) await slash(deps, view, claim)
          continue
        }
        const worker = view && (await ownerOf(deps, view, asserter))
        if (view && worker) want(view, claim.attempt, worker)
        else log.warn({ jobId: claim.jobId, asserter }, 'dispute not resumed')
      }
    },
    ended: () => last,
  }
}

/** Which of a job's workers has this operator. */
export async function ownerOf(
  { registry }: { registry: Pick<Registry, 'entryOf'> },
  view: JobView,
  operator: Hex,
): Promise<Hex | undefined> {
  for (const worker of view.workers) {
    const entry = await registry.entryOf(worker).catch(() => undefined)
    if (entry?.operator === operator) return worker
  }
  return undefined
}
