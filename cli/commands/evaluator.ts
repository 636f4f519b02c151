import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'
import { addAccountFlags, addOwnerCommands } from '../owner-commands.ts'

/** `quern evaluator start|status|stake|unstake`: judge the work of others for pay. */
export function register(program: Command, context: Context): void {
  const evaluator = program.command('evaluator').description('judge the work of others for pay')
  const start = addSettingFlags(evaluator.command('start'), [
    'rpcUrl',
    'p2pPort',
    'metricsPort',
    'passwordFile',
    'threads',
    'artifactGibMax',
    'concurrency',
    'disputeBond',
    'logLevel',
  ])
  addAccountFlags(start.description('run an evaluator until it is stopped'))
    .option('--misbehave <kind>', 'development chains only: lazy or bribed')
    .action(async (_flags: object, command: Command) => {
      const { startEvaluator } = await import('../evaluator-daemon.ts')
      await startEvaluator(context, command)
    })
  addOwnerCommands(evaluator, context, 'evaluator')
}
