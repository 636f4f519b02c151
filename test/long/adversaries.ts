import { runCrowd } from '#test/adversaries/crowd.ts'

const jobsPerRun = 1000

/** Run i simulates the jobs 1000 (i - 1) to 1000 i - 1; throws at the first honest party that is slashed. */
export async function run(seed: number): Promise<Record<string, number>> {
  const crowd = await runCrowd(jobsPerRun * (seed - 1), jobsPerRun)
  return { ...crowd }
}
