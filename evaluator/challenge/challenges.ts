import { codeOf } from '#base/error.ts'
import type { Disputes } from '#chain/client/dispute/disputes.ts'
import type { Finding } from '#wire/evidence.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Challenge, type ChallengeDeps, challenge, slash } from './challenge.ts'
import { type TurnsDeps, createTurns } from './turns.ts'

/** Disputes that follow from an evaluator's own findings, in the background. */
export interface Challenges {
  /** What examining an attempt found; only what replaying steps contradicts is disputed. */
  found(view: JobView, findings: readonly Finding[]): void
  /** Goes on with the disputes that an earlier process of this account opened. */
  resume(jobs: readonly JobView[]): Promise<void>
  ended(): Promise<void>
}

const disputable: readonly Finding['kind'][] = ['step']
const waitingMax = 64

export interface ChallengesDeps extends ChallengeDeps, TurnsDeps {
  readonly disputes: Disputes
  readonly registry: Pick<Registry, 'entryOf'>
}

type Place = Pick<Challenge, 'view' | 'attempt' | 'worker'>

export function createChallenges(
  deps: ChallengesDeps,
  options: Omit<Challenge, keyof Place>,
  play: typeof challenge = challenge,
): Challenges {
  const { log, disputes } = deps
  const { signal, self } = options
  const wanted = new Set<string>()
  const turns = createTurns(deps, self)

  function want(place: Place, isOpen: boolean): void {
    const key = `${place.view.jobId}/${place.attempt}/${place.worker}`
    if (wanted.has(key) || wanted.size >= waitingMax) return
    wanted.add(key)
    turns.take({
      isOpen,
      play: (onOpened) => perform({ ...place, onOpened }).finally(() => wanted.delete(key)),
    })
  }

  async function perform(of: Place & Pick<Challenge, 'onOpened'>): Promise<void> {
    const { worker } = of
    const { jobId } = of.view
    if (signal.aborted) return
    try {
      const done = await play(deps, { ...options, ...of })
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
      for (const worker of named) want({ view, attempt: view.attempt, worker }, false)
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
        if (view && worker) want({ view, attempt: claim.attempt, worker }, true)
        else log.warn({ jobId: claim.jobId, asserter }, 'dispute not resumed')
      }
    },
    ended: turns.ended,
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
