import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern verify`: what the chain says about a job, checked by a stranger. */
export function register(program: Command, context: Context): void {
  addSettingFlags(program.command('verify'), ['rpcUrl', 'threads'])
    .description('check a finished job: hashes, signatures, metric, and steps computed again')
    .argument('<jobId>')
    .option('--full', 'compute every step of every worker again')
    .option('--sample <count>', 'compute so many of the drawn steps again')
    .option('--light', 'compute nothing: prove status and verdict by signatures of validators')
    .option(
      '--trust <root>',
      'with --light: the genesis root to trust, by default that of network.json, or <epoch>:<root>',
    )
    .action(async (jobId: string, flags: { light?: boolean }, command: Command) => {
      if (flags.light === true) {
        const { runVerifyLight } = await import('../verify-light.ts')
        return runVerifyLight(context, command, jobId)
      }
      const { runVerify } = await import('../verify.ts')
      await runVerify(context, command, jobId)
    })
}
