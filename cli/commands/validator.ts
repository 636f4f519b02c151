import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern validator attest`: what a validator does beside its node. */
export function register(program: Command, context: Context): void {
  const validator = program.command('validator').description('take part in the chain’s upkeep')
  addSettingFlags(validator.command('attest'), [
    'rpcUrl',
    'p2pPort',
    'metricsPort',
    'passwordFile',
    'artifactGibMax',
    'logLevel',
  ])
    .description(
      'attest, when drawn, that files of jobs can be fetched and segments are as committed',
    )
    .option('--account <account...>', 'accounts with a validator’s seat', ['validator'])
    .action(async (_flags: object, command: Command) => {
      const { startAttester } = await import('../attester-daemon.ts')
      await startAttester(context, command)
    })
}
