import type { Command } from 'commander'
import { addSettingFlags } from './configuration.ts'
import type { Context } from './context.ts'

const ownerHelp = 'account with stake and earnings: a name in the keystore, or dev:<index>'

/** Adds the accounts of a daemon to its `start`. */
export function addAccountFlags(start: Command): Command {
  return start
    .option('--owner <account>', ownerHelp, 'owner')
    .option('--operator <account>', 'account of this machine, which signs and sends', 'operator')
    .option('--stake <train>', 'stake what the owner lacks to this amount of TRAIN')
}

/** Adds `status`, `stake` and `unstake` to `quern worker` or `quern evaluator`. */
export function addOwnerCommands(
  daemon: Command,
  context: Context,
  role: 'worker' | 'evaluator',
): void {
  addSettingFlags(daemon.command('status'), ['rpcUrl'])
    .description(`stake, earnings and registration of the ${role}’s owner, and the daemon`)
    .option('--owner <account>', `${ownerHelp}, or an address`, 'owner')
    .action(async (_flags: object, command: Command) => {
      const { showOwner } = await import('./owner.ts')
      await showOwner(context, command, role)
    })
  for (const name of ['stake', 'unstake'] as const) {
    addSettingFlags(daemon.command(name), ['rpcUrl', 'passwordFile'])
      .argument('<train>', 'amount in TRAIN')
      .description(name === 'stake' ? 'stake TRAIN of the owner' : 'begin to thaw stake')
      .option('--owner <account>', ownerHelp, 'owner')
      .action(async (amount: string, _flags: object, command: Command) => {
        const { moveStake } = await import('./owner.ts')
        await moveStake(context, command, { amount, isLeaving: name === 'unstake' })
      })
  }
}
