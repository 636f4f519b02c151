import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern dispute open|status|play`: prove that what a worker signed is wrong. */
export function register(program: Command, context: Context): void {
  const dispute = program.command('dispute').description('prove that what a worker signed is wrong')

  addSettingFlags(dispute.command('open'), ['rpcUrl', 'passwordFile', 'threads'])
    .description(
      'replay a worker’s share, dispute the first round that is wrong, and play to the end',
    )
    .argument('<jobId>')
    .requiredOption('--worker <address>', 'owner of the worker')
    .option('--attempt <number>', 'attempt of the job; by default the newest one')
    .option('--round <number>', 'dispute this round alone')
    .option('--account <account>', 'who disputes, holds the bonds, and is paid')
    .option('--misbehave <kind>', 'development chains only: false or silent')
    .action(async (jobId: string, _flags: object, command: Command) => {
      const { openDispute } = await import('../dispute.ts')
      await openDispute(context, command, jobId)
    })

  addSettingFlags(dispute.command('play'), ['rpcUrl', 'passwordFile', 'threads'])
    .description('go on with the disputes that this account opened')
    .option('--account <account>', 'who opened them')
    .action(async (_flags: object, command: Command) => {
      const { playDisputes } = await import('../dispute.ts')
      await playDisputes(context, command)
    })

  addSettingFlags(dispute.command('status'), ['rpcUrl'])
    .description('all disputes of the chain, or those of a job')
    .argument('[jobId]')
    .action(async (jobId: string | undefined, _flags: object, command: Command) => {
      const { showDisputes } = await import('../dispute.ts')
      await showDisputes(context, command, jobId)
    })
}
