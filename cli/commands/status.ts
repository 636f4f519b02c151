import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern status`: the chain, the jobs and the local processes at one glance. */
export function register(program: Command, context: Context): void {
  addSettingFlags(program.command('status'), ['rpcUrl'])
    .description('show the chain, its jobs, and what runs on this machine')
    .action(async (_flags: object, command: Command) => {
      const { showStatus } = await import('../status.ts')
      await showStatus(context, command)
    })
}
