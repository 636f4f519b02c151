import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

const accountHelp = 'account with the seat: a name in the keystore, or dev:<index>'

/** `quern validator deposit|exit|withdraw|status|attest`: a seat, and what its owner does beside the node. */
export function register(program: Command, context: Context): void {
  const validator = program
    .command('validator')
    .description('take a seat among the validators, and part in the chain’s upkeep')
  addDeposit(validator, context)
  addSettingFlags(validator.command('exit'), ['rpcUrl', 'passwordFile'])
    .description('ask to leave: the seat ends with an epoch, the stake thaws')
    .option('--account <account>', accountHelp, 'validator')
    .option('--yes', 'sign without asking')
    .action(async (_flags: object, command: Command) => {
      const { leaveSeat } = await import('../validator-seat.ts')
      await leaveSeat(context, command)
    })
  addSettingFlags(validator.command('withdraw'), ['rpcUrl', 'passwordFile'])
    .description('take the stake back once it has thawed, and free the seat')
    .option('--account <account>', accountHelp, 'validator')
    .action(async (_flags: object, command: Command) => {
      const { freeSeat } = await import('../validator-seat.ts')
      await freeSeat(context, command)
    })
  addSettingFlags(validator.command('status'), ['rpcUrl'])
    .description('the seat with its stake, the epochs it counts in, and who makes the blocks now')
    .option('--account <account>', `${accountHelp}, or an address`, 'validator')
    .action(async (_flags: object, command: Command) => {
      const { showSeat } = await import('../validator-status.ts')
      await showSeat(context, command)
    })
  addAttest(validator, context)
}

function addDeposit(validator: Command, context: Context): void {
  addSettingFlags(validator.command('deposit'), ['rpcUrl', 'passwordFile'])
    .description('take a seat with coin of the account; its key follows from the account’s')
    .option('--account <account>', accountHelp, 'validator')
    .option('--amount <coin>', 'stake in whole coin; by default the least that the chain asks for')
    .option('--leader', 'a seat that only leads blocks that its work won, for a bond')
    .option('--peer-id <id>', 'peer id of the node; by default that of this data directory')
    .option('--yes', 'sign without asking')
    .action(async (_flags: object, command: Command) => {
      const { takeSeat } = await import('../validator-seat.ts')
      await takeSeat(context, command)
    })
}

function addAttest(validator: Command, context: Context): void {
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
