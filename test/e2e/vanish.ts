import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRng } from '#base/rng.ts'
import { type Line, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

export interface VanishOutcome {
  readonly phase: string
  readonly isBalanced: boolean
  /** Workers that were paid and lost nothing. */
  readonly survivorsPaid: number
  readonly killedAt: string
}

/** Three honest workers, of which the seed kills one for good at a moment of the job that it draws. */
export async function runVanishJob(seed: number): Promise<VanishOutcome> {
  const rng = createRng(seed)
  const world = await startWorld(['--workers', '3', '--evaluators', '3', '--no-restart'])
  try {
    const file = join(world.dataDir, 'rows.csv')
    writeFileSync(file, rowsCsv({ rows: 600, seed }))
    const victim = `worker-${1 + rng.below(3)}`
    const moment = 1 + rng.below(9)
    let killedAt = 'never'
    const onLine = ({ event, round, phase }: Line) => {
      const isDue = event === 'round' ? Number(round) >= moment : phase === 'submitted'
      if (killedAt !== 'never' || !isDue) return
      killedAt = event === 'round' ? `round ${Number(round)}` : String(phase)
      process.kill(world.pidOf(victim), 'SIGKILL')
    }
    const run = await world.post([file], ['--run-seconds', '120'], { onLine })
    const { phase, isBalanced, workers } = summaryOf(run)
    const isPaid = (one: { paidWei: bigint; slashedWei: bigint }) =>
      one.paidWei > 0n && one.slashedWei === 0n
    return { phase, isBalanced, survivorsPaid: workers.filter(isPaid).length, killedAt }
  } finally {
    await world.stop()
  }
}
