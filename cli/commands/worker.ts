import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'
import { addAccountFlags, addOwnerCommands } from '../owner-commands.ts'

/** `quern worker start|status|stake|unstake`: train for pay. */
export function register(program: Command, context: Context): void {
  const worker = program.command('worker').description('train models of others for pay')
  const start = addSettingFlags(worker.command('start'), [
    'rpcUrl',
    'p2pPort',
    'metricsPort',
    'passwordFile',
    'threads',
    'artifactGibMax',
    'concurrency',
    'disputeBond',
    'backend',
    'jobKinds',
    'rewardMin',
    'pricePerTeraflop',
    'hours',
    'logLevel',
  ])
  addAccountFlags(start.description('run a worker until it is stopped'))
    .option(
      '--lead',
      'take a leader’s seat, with its bond in coin: work then elects who leads blocks',
    )
    .option(
      '--misbehave <kind>',
      'development chains only: skip-steps, copy-update, noise, ulp, withhold-states, silent or false-claims',
    )
    .action(async (_flags: object, command: Command) => {
      const { startWorker } = await import('../worker-daemon.ts')
      await startWorker(context, command)
    })
  addOwnerCommands(worker, context, 'worker')
}
