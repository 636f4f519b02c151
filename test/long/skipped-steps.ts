import { openLongLab } from '#test/adversaries/shapes.ts'
import { simulateJob } from '#test/adversaries/world/job.ts'

const jobsPerRun = 100
const caughtMin = 95

/** Jobs 100 (i - 1) to 100 i - 1: one worker leaves out 5 % of the steps of 64 segments; audits alone find it. */
export async function run(seed: number): Promise<Record<string, number>> {
  const lab = await openLongLab()
  const lies = new Map([[0, 'skip-few' as const]])
  let caught = 0
  for (let job = jobsPerRun * (seed - 1); job < jobsPerRun * seed; job += 1) {
    const { attempts } = await simulateJob(lab, { seed: job, workers: 1, lies, rate: 'normal' })
    if (attempts[0]?.guilty.includes(0) === true) caught += 1
  }
  if (caught < caughtMin) throw new Error(`caught in ${caught} of ${jobsPerRun} jobs`)
  return { jobs: jobsPerRun, caught }
}
