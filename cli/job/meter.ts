import { createRunner } from '#compute/runner-process.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Metering } from './post.ts'

/** Asks the engine what a step of this specification costs. Throws SPEC_INVALID, MEMORY_LIMIT. */
export async function meterSpec(spec: TrainSpec, signal: AbortSignal): Promise<Metering> {
  const runner = createRunner()
  try {
    const { engineId, flopsPerStep, parameterCount } = await runner.open(
      { spec, threads: 1 },
      { signal },
    )
    return { engineId, flopsPerStep, parameterCount }
  } finally {
    await runner.close()
  }
}

const flopsPerSecond = 1e9
const roundSeconds = 1

/** A careful guess of how long one worker trains, in seconds. */
export function expectedSeconds(spec: TrainSpec, { flopsPerStep }: Metering): number {
  return (
    (flopsPerStep * spec.localSteps * spec.rounds) / flopsPerSecond + spec.rounds * roundSeconds
  )
}
