import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import type { Context } from './context.ts'
import { lockDataDir } from './data-dir.ts'
import { devEvaluatorsMax, devValidatorsMax, devWorkersMax } from './dev-roles.ts'
import { integerOf } from './job/flags.ts'
import { startLocalNetwork } from './local-network.ts'
import { untilStopped } from './stopping.ts'

interface UpFlags {
  readonly workers: string
  readonly evaluators: string
  readonly validators: string
  readonly stake: string
  readonly misbehave?: readonly string[]
  readonly restart: boolean
}

const restartsMax = 20

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
      validators: integerOf('validators', flags.validators, { min: 1, max: devValidatorsMax }),
      misbehave: misbehaviourOf(flags.misbehave ?? []),
      rpcPort: settings.rpcPort,
      stakeTrain: flags.stake,
      threads: settings.threads,
      signal: context.stopping,
      onEnd: endingOf(context, flags),
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

/** `["1:noise", "e2:lazy"]`: the first worker adds noise, the second evaluator is lazy. Throws FLAG_INVALID. */
function misbehaviourOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.map((text) => {
    const [, role, index, kind] = /^(e?)([1-8]):([a-z-]{1,32})$/.exec(text) ?? []
    if (kind !== undefined) {
      return [`${role === 'e' ? 'evaluator' : 'worker'}-${index}`, kind] as const
    }
    const message = `--misbehave takes index:kind, such as 1:noise or e1:lazy, not "${text}"`
    throw new AppError({ code: 'FLAG_INVALID', flag: 'misbehave', text, message })
  })
  return Object.fromEntries(pairs)
}

/** What to do about daemons that end: start them again, so many times in all. */
function endingOf(context: Context, { restart }: UpFlags): (name: string) => 'restart' | 'ignore' {
  let restarts = 0
  return (name) => {
    restarts += 1
    const isWanted = restart && restarts <= restartsMax
    const text = `${name} has ended${isWanted ? ' and is started again' : ''}`
    context.output.print({ event: 'ended', name, restarted: isWanted }, text)
    return isWanted ? 'restart' : 'ignore'
  }
}
