import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import type { Context } from './context.ts'
import { lockDataDir } from './data-dir.ts'
import { devEvaluatorsMax, devWorkersMax } from './dev-roles.ts'
import { integerOf } from './job/flags.ts'
import { startLocalNetwork } from './local-network.ts'
import { untilStopped } from './stopping.ts'

interface UpFlags {
  readonly workers: string
  readonly evaluators: string
  readonly stake: string
}

/** Runs the local network of a data directory until it is asked to stop or a part of it ends. */
export async function runUp(context: Context, command: Command): Promise<void> {
  const flags = command.opts<UpFlags>()
  const settings = await context.settings(command)
  const dataDir = context.dataDir()
  const lock = lockDataDir(dataDir)
  try {
    const network = await startLocalNetwork({
      dataDir,
      workers: integerOf('workers', flags.workers, { min: 0, max: devWorkersMax }),
      evaluators: integerOf('evaluators', flags.evaluators, { min: 0, max: devEvaluatorsMax }),
      rpcPort: settings.rpcPort,
      stakeTrain: flags.stake,
      threads: settings.threads,
      signal: context.stopping,
      onReady: (name) => context.output.print({ event: 'ready', name }, `${name} is ready`),
    })
    const { rpcUrl } = network.networkFile
    const text = `\nJSON-RPC at ${rpcUrl}; post a job with\n  npm run -s quern -- job post <file>`
    context.output.print({ event: 'up', ...network.networkFile }, text)
    try {
      const ended = await Promise.race([network.failed, untilStopped(context.stopping)])
      if (typeof ended === 'string' && !context.stopping.aborted) {
        const message = `${ended} ended by itself; see ${dataDir}/logs/${ended}.err.log`
        throw new AppError({ code: 'CHILD_EXITED', name: ended, message })
      }
    } finally {
      await network.stop()
    }
  } finally {
    lock.release()
  }
}
