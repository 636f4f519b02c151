import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

const ownerHelp = 'account with stake and earnings: a name in the keystore, or dev:<index>'

/** `quern worker start|status|stake|unstake`: train for pay. */
export function register(program: Command, context: Context): void {
  const worker = program.command('worker').description('train models of others for pay')
  addSettingFlags(worker.command('start'), [
    'rpcUrl',
    'p2pPort',
    'metricsPort',
    'passwordFile',
    'threads',
    'artifactGibMax',
    'concurrency',
    'jobKinds',
    'rewardMin',
    'pricePerTeraflop',
    'hours',
    'logLevel',
  ])
    .description('run a worker until it is stopped')
    .option('--owner <account>', ownerHelp, 'owner')
    .option('--operator <account>', 'account of this machine, which signs and sends', 'operator')
    .option('--stake <train>', 'stake what the owner lacks to this amount of TRAIN')
    .option(
      '--misbehave <kind>',
      'development chains only: skip-steps, copy-update, noise, withhold-states or silent',
    )
    .action(async (_flags: object, command: Command) => {
      const { startWorker } = await import('../worker-daemon.ts')
      await startWorker(context, command)
    })
  addSettingFlags(worker.command('status'), ['rpcUrl'])
    .description('stake, earnings and registration of a worker, and its daemon')
    .option('--owner <account>', `${ownerHelp}, or an address`, 'owner')
    .action(async (_flags: object, command: Command) => {
      const { showOwner } = await import('../worker-daemon.ts')
      await showOwner(context, command)
    })
  for (const name of ['stake', 'unstake'] as const) {
    addSettingFlags(worker.command(name), ['rpcUrl', 'passwordFile'])
      .argument('<train>', 'amount in TRAIN')
      .description(name === 'stake' ? 'stake TRAIN of the owner' : 'begin to thaw stake')
      .option('--owner <account>', ownerHelp, 'owner')
      .action(async (amount: string, _flags: object, command: Command) => {
        const { moveStake } = await import('../worker-daemon.ts')
        await moveStake(context, command, { amount, isLeaving: name === 'unstake' })
      })
  }
}
