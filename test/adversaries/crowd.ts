import { type Rng, createRng } from '#base/rng.ts'
import { auditRates } from '#compute/train/sample.ts'
import type { AuditRate } from '#compute/train/sample.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import { workerLiars } from './liars.ts'
import { faultsFor, labFor } from './shapes.ts'
import { type JobOutcome, simulateJob } from './world/job.ts'

/** What many jobs came to. */
export interface Crowd {
  readonly jobs: number
  /** Liars in them, and how many were slashed. */
  readonly liars: number
  readonly caught: number
  /** Honest workers that were slashed, for a lie or for silence, and honest evaluators that were outvoted. */
  readonly falseSlashes: number
  /** Times that evaluators fell back to a verdict against somebody for what was not served. */
  readonly steps: number
  readonly repeated: number
}

/** Runs the jobs of these seeds, each with random faults, one in four with a liar; stops at a false slash. */
export async function runCrowd(from: number, count: number): Promise<Crowd> {
  let crowd: Crowd = { jobs: 0, liars: 0, caught: 0, falseSlashes: 0, steps: 0, repeated: 0 }
  for (let seed = from; seed < from + count; seed += 1) {
    const found = await runOne(seed)
    crowd = {
      jobs: crowd.jobs + 1,
      liars: crowd.liars + found.liars,
      caught: crowd.caught + found.caught,
      falseSlashes: crowd.falseSlashes + found.wronged.length,
      steps: crowd.steps + found.steps,
      repeated: crowd.repeated + found.repeated,
    }
    if (found.wronged.length > 0) throw new Error(`seed ${seed}: ${found.wronged.join('; ')}`)
  }
  return crowd
}

async function runOne(seed: number) {
  const rng = createRng(seed)
  const lab = await labFor(rng)
  const workers = 2 + (rng.below(4) === 0 ? 1 + rng.below(2) : 0)
  const lies = liesFor(rng, workers)
  const faults = faultsFor(rng, workers)
  const rate = auditRates[rng.below(auditRates.length)] as AuditRate
  const outcome = await simulateJob(lab, { seed, workers, lies, rate, faults })
  const steps = outcome.attempts.reduce((sum, one) => sum + one.steps.all, 0)
  const repeated = outcome.attempts.reduce((sum, one) => sum + one.steps.repeated, 0)
  const punished = new Set(outcome.attempts.flatMap((one) => [...one.guilty, ...one.withheld]))
  const caught = [...lies.keys()].filter((liar) => punished.has(liar)).length
  return { liars: lies.size, caught, wronged: wrongedIn(outcome, lies), steps, repeated }
}

function liesFor(rng: Rng, workers: number): Map<number, MisbehaveKind> {
  if (rng.below(4) > 0) return new Map()
  const { kind } = workerLiars[rng.below(workerLiars.length)] as (typeof workerLiars)[number]
  return new Map([[rng.below(workers), kind]])
}

/** Everyone that did nothing wrong and lost something. */
export function wrongedIn(
  { attempts, isCompleted }: JobOutcome,
  lies: ReadonlyMap<number, MisbehaveKind>,
): string[] {
  const wronged = attempts.flatMap(({ attempt, guilty, withheld, silent, outvoted, findings }) => {
    const why = JSON.stringify(findings.slice(0, 3))
    const honest = (indices: readonly number[]) => indices.filter((index) => !lies.has(index))
    return [
      ...honest(guilty).map((index) => `attempt ${attempt}: worker ${index} is guilty ${why}`),
      ...honest(withheld).map((index) => `attempt ${attempt}: worker ${index} withheld ${why}`),
      ...honest(silent).map((index) => `attempt ${attempt}: worker ${index} submitted nothing`),
      ...outvoted.map((evaluator) => `attempt ${attempt}: evaluator ${evaluator} was outvoted`),
    ]
  })
  return isCompleted || wronged.length > 0 ? wronged : ['the job did not end']
}
