import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Control, createControl } from './barrier.ts'
import type { CreateTeam, TeamSeed } from './engine.ts'
import { type Team, type Workplace, checkDenormals, digestShare, runShare } from './team.ts'

const startMsMax = 60_000

/** A team of worker threads over shared memory; the calling thread is thread 0 and blocks while they work. */
export const createThreadTeam: CreateTeam = createTeamOf(new URL('./thread.ts', import.meta.url))

/** The same with another file for the threads, such as a bundle that holds `thread.ts`. */
export function createTeamOf(threadFile: URL): CreateTeam {
  return async (seed, workplace) => {
    const control = createControl(seed.memory, seed.threads)
    const workers = await Promise.all(
      Array.from({ length: seed.threads - 1 }, (_, i) =>
        startWorker(threadFile, { seed, thread: i + 1 }),
      ),
    )
    return createTeam(control, { workers, workplace, threads: seed.threads })
  }
}

async function startWorker(
  threadFile: URL,
  place: { seed: TeamSeed; thread: number },
): Promise<Worker> {
  const worker = new Worker(threadFile, { workerData: place })
  await once(worker, 'message', { signal: AbortSignal.timeout(startMsMax) })
  worker.unref()
  return worker
}

function createTeam(
  control: Control,
  { workers, workplace, threads }: { workers: Worker[]; workplace: Workplace; threads: number },
): Team {
  return {
    threads,
    run(plan, { isHashing } = { isHashing: false }) {
      control.give({ kind: 'run', plan, isHashing })
      const draw = isHashing ? control.draw : undefined
      const share = { thread: 0, threads, barrier: control.barrier, draw }
      const isFinite = runShare(workplace, plan, share)
      control.barrier()
      return isFinite && control.faults() === 0
    },
    digest() {
      control.give({ kind: 'digest' })
      digestShare(workplace, control.draw)
      control.barrier()
    },
    keepsDenormals() {
      control.give({ kind: 'probe' })
      const isKept = checkDenormals(workplace.kernels)
      control.barrier()
      return isKept && control.faults() === 0
    },
    async close() {
      control.give({ kind: 'stop' })
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}
