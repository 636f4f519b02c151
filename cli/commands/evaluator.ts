import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

const ownerHelp = 'account with stake and earnings: a name in the keystore, or dev:<index>'

/** `quern evaluator start|status|stake|unstake`: judge the work of others for pay. */
export function register(program: Command, context: Context): void {
  const evaluator = program.command('evaluator').description('judge the work of others for pay')
  addSettingFlags(evaluator.command('start'), [
    'rpcUrl',
    'p2pPort',
    'metricsPort',
    'passwordFile',
    'threads',
    'artifactGibMax',
    'concurrency',
    'logLevel',
  ])
    .description('run an evaluator until it is stopped')
    .option('--owner <account>', ownerHelp, 'owner')
    .option('--operator <account>', 'account of this machine, which signs and sends', 'operator')
    .option('--stake <train>', 'stake what the owner lacks to this amount of TRAIN')
    .action(async (_flags: object, command: Command) => {
      const { startEvaluator } = await import('../evaluator-daemon.ts')
      await startEvaluator(context, command)
    })
  addSettingFlags(evaluator.command('status'), ['rpcUrl'])
    .description('stake, earnings and registration of an evaluator, and its daemon')
    .option('--owner <account>', `${ownerHelp}, or an address`, 'owner')
    .action(async (_flags: object, command: Command) => {
      const { showOwner } = await import('../worker-daemon.ts')
      await showOwner(context, command, 'evaluator')
    })
  for (const name of ['stake', 'unstake'] as const) {
    addSettingFlags(evaluator.command(name), ['rpcUrl', 'passwordFile'])
      .argument('<train>', 'amount in TRAIN')
      .description(name === 'stake' ? 'stake TRAIN of the owner' : 'begin to thaw stake')
      .option('--owner <account>', ownerHelp, 'owner')
      .action(async (amount: string, _flags: object, command: Command) => {
        const { moveStake } = await import('../worker-daemon.ts')
        await moveStake(context, command, { amount, isLeaving: name === 'unstake' })
      })
  }
}
