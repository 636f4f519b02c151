import type { EngineName } from './peer.ts'
import type { PeerProcess } from './process.ts'
import type { Task } from './tasks.ts'

/** An engine that takes part, or why it does not. */
export interface Contender {
  readonly engine: EngineName
  readonly threads: number
  readonly peer?: PeerProcess
  readonly reason?: string
}

/** One task in one engine. */
export interface Measurement {
  readonly name: string
  readonly engine: EngineName
  readonly threads: number
  /** Runs a second in each round; empty where the engine does not take part. */
  readonly rounds: readonly number[]
  /** Runs a second at the speed of the fastest single run. */
  readonly best: number
  readonly figures: Readonly<Record<string, number>>
  readonly reason?: string
}

export interface RoundOptions {
  readonly rounds: number
  readonly roundMs: number
  readonly log: (line: string) => void
}

/** Runs one task in every engine in turn, several times over: only one engine works at a time. */
export async function measureTask(
  task: Task,
  contenders: readonly Contender[],
  { rounds, roundMs, log }: RoundOptions,
): Promise<readonly Measurement[]> {
  const opened: Opened[] = []
  for (const contender of contenders) opened.push(await openTask(task, contender))
  for (let round = 0; round < rounds; round += 1) {
    for (const { peer, speeds, best } of opened) {
      if (!peer) continue
      const { count, ms, bestMs } = await peer.run(roundMs)
      speeds.push((1000 * count) / ms)
      best.ms = Math.min(best.ms, bestMs)
    }
    log(`${task.name}: round ${round + 1} of ${rounds}`)
  }
  for (const { peer } of opened) await peer?.close()
  return opened.map(({ contender: { engine, threads }, speeds, best, figures, reason }) => ({
    name: task.name,
    engine,
    threads,
    rounds: speeds,
    best: best.ms === Infinity ? 0 : 1000 / best.ms,
    figures,
    ...(reason !== undefined && { reason }),
  }))
}

interface Opened {
  readonly contender: Contender
  readonly peer?: PeerProcess
  readonly speeds: number[]
  readonly best: { ms: number }
  readonly figures: Readonly<Record<string, number>>
  readonly reason?: string
}

async function openTask(task: Task, contender: Contender): Promise<Opened> {
  const speeds: number[] = []
  const common = { contender, speeds, best: { ms: Infinity } }
  const { peer, reason } = contender
  if (!peer) return { ...common, figures: {}, reason: reason ?? 'not there' }
  try {
    return { ...common, peer, figures: await peer.open(task) }
  } catch (error) {
    return { ...common, figures: {}, reason: (error as Error).message }
  }
}

/** The middle of some values; of two the mean. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1] ?? 0
  return (low + (sorted[Math.floor(middle)] ?? low)) / 2
}
