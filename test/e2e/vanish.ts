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
  let timer: NodeJS.Timeout | undefined
  const world = await startWorld(['--workers', '3', '--evaluators', '3', '--no-restart'])
  try {
    const file = join(world.dataDir, 'rows.csv')
    writeFileSync(file, rowsCsv({ rows: 600, seed }))
    const victim = `worker-${1 + rng.below(3)}`
    const moment = momentOf(rng.below(10))
    const delayMs = rng.below(moment.delayMsMax)
    let killedAt = ''
    const onLine = (line: Line) => {
      if (killedAt !== '' || !moment.isDue(line)) return
      killedAt = `${moment.name} + ${delayMs} ms`
      const pid = world.pidOf(victim)
      timer = setTimeout(() => process.kill(pid, 'SIGKILL'), delayMs)
    }
    const run = await world.post([file], ['--run-seconds', '120'], { onLine })
    const { phase, isBalanced, workers } = summaryOf(run)
    if (killedAt === '') throw new Error(`the moment "${moment.name}" never came`)
    const isPaid = (one: { paidWei: bigint; slashedWei: bigint }) =>
      one.paidWei > 0n && one.slashedWei === 0n
    return { phase, isBalanced, survivorsPaid: workers.filter(isPaid).length, killedAt }
  } finally {
    clearTimeout(timer)
    await world.stop()
  }
}

interface Moment {
  readonly name: string
  readonly delayMsMax: number
  readonly isDue: (line: Line) => boolean
}

/** Seven in ten moments lie in the training, the others at its start, after it and in the audit. */
function momentOf(drawn: number): Moment {
  const atPhase = (name: string, delayMsMax: number): Moment => ({
    name,
    delayMsMax,
    isDue: ({ event, phase }) => event === 'phase' && phase === name,
  })
  if (drawn === 7) return atPhase('running', 2000)
  if (drawn === 8) return atPhase('submitted', 2000)
  if (drawn === 9) return atPhase('attesting', 1000)
  const isDue = ({ event, round }: Line) => event === 'round' && Number(round) >= drawn
  return { name: `round ${drawn}`, delayMsMax: 3000, isDue }
}
