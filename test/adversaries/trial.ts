import { cleanVerdict } from '#test/contracts/market.ts'
import type { Fate, Liar } from './liars.ts'
import { type Match, playMatch } from './match.ts'
import type { Court, Paid } from './money.ts'
import { openLongLab, openWideLab } from './shapes.ts'
import { type AttemptOutcome, simulateJob } from './world/job.ts'

/** What a lie came to. */
export interface Trial extends Paid {
  readonly fate: Fate | 'missed'
  /** What was found, in the words of the evidence, or by whom the dispute was won. */
  readonly finding: string
}

const liar = 1
const seed = 7

/** Runs a liar through the simulator or a dispute, and what follows through the contracts. */
export async function tryLiar(row: Liar, court: () => Promise<Court>): Promise<Trial> {
  if (row.side === 'worker') return tryWorker(row.kind, court)
  if (row.side === 'dispute') return tryDispute(row.kind)
  return row.kind === 'lazy' ? tryLazy(court) : tryBribed()
}

async function tryWorker(
  kind: Extract<Liar, { side: 'worker' }>['kind'],
  court: () => Promise<Court>,
): Promise<Trial> {
  const first = await firstAttempt(kind)
  const named = [...first.guilty, ...first.withheld]
  if (named.length === 0) {
    return { fate: 'harmless', finding: 'the job is done as if nothing had been', ...nothing }
  }
  if (named.join() !== String(liar)) throw new Error(`${kind}: workers ${named.join()} are named`)
  const paid = await (await court()).punish(first.verdict)
  const kinds = [...new Set(first.findings.map((finding) => finding.kind))]
  return { fate: 'caught', finding: kinds.join(', '), ...paid }
}

async function firstAttempt(
  kind: Extract<Liar, { side: 'worker' }>['kind'],
): Promise<AttemptOutcome> {
  const isRare = kind === 'skip-few'
  const lab = await (isRare ? openLongLab() : openWideLab())
  const lies = new Map([[liar, kind]])
  const { attempts } = await simulateJob(lab, { seed, workers: 3, lies, rate: 'new' })
  return attempts[0] as AttemptOutcome
}

/** A panel of two, of whom one says tags that it heard: they disagree, and a further panel decides. */
async function tryLazy(court: () => Promise<Court>): Promise<Trial> {
  const { attempts } = await simulateJob(await openWideLab(), {
    seed,
    workers: 3,
    lazy: 0,
    rate: 'new',
  })
  const { verdict, lazy } = attempts[0] as AttemptOutcome
  if (lazy.join() !== '0') return { fate: 'missed', finding: 'nobody is called lazy', ...nothing }
  const { lazyMask, evidenceDigest } = verdict
  const paid = await (await court()).punishLazy({ ...cleanVerdict(), lazyMask, evidenceDigest })
  const lost = paid.moved.filter(({ who, wei }) => who.startsWith('evaluator') && wei < 0n)
  return { fate: lost.length === 1 ? 'caught' : 'missed', finding: 'false tags', ...paid }
}

/** Both of a panel call a lie true; whoever computes it again disputes the worker's signed claim. */
async function tryBribed(): Promise<Trial> {
  const match = await playMatch({ liar: 'asserter' })
  return trialOf(match, 'asserter', "a stranger's dispute")
}

async function tryDispute(kind: Extract<Liar, { side: 'dispute' }>['kind']): Promise<Trial> {
  switch (kind) {
    case 'false-challenger':
      return trialOf(await playMatch({ liar: 'challenger' }), 'challenger', 'the claim holds')
    case 'silent-challenger': {
      const match = await playMatch({ liar: 'challenger', silent: 'challenger' })
      return trialOf(match, 'challenger', 'its clock ran out')
    }
    case 'silent-defender': {
      const match = await playMatch({ liar: 'asserter', silent: 'asserter' })
      return trialOf(match, 'asserter', 'its clock ran out')
    }
    case 'self-reporter':
      return trialOfReporter(await playMatch({ liar: 'asserter' }))
  }
}

function trialOf(match: Match, loser: 'asserter' | 'challenger', finding: string): Trial {
  const { winner, ...paid } = match
  return { fate: winner === loser ? 'missed' : 'caught', finding, ...paid }
}

/** One party on both sides: what it loses as asserter is more than it wins as challenger. */
function trialOfReporter({ winner, ...paid }: Match): Trial {
  const sides = paid.moved.filter(({ who }) => who === 'asserter' || who === 'challenger')
  const net = sides.reduce((sum, { wei }) => sum + wei, 0n)
  const isCaught = winner === 'challenger' && net < 0n
  return { fate: isCaught ? 'caught' : 'missed', finding: 'both sides are its own', ...paid }
}

const nothing: Paid = { blocks: 0, gas: 0n, moved: [] }
