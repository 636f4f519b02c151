import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
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
    .option(
      '--bootstrap <address...>',
      'peers to fetch from, as multiaddresses with their peer ids, besides those of network.json',
    )
    .action(async (jobId: string, flags: VerifyFlags, command: Command) => {
      const unfit = unfitOf(flags)
      if (unfit !== undefined) throw new AppError({ code: 'USAGE', message: unfit })
      if (flags.light === true) {
        const { runVerifyLight } = await import('../verify-light.ts')
        return runVerifyLight(context, command, jobId)
      }
      const { runVerify } = await import('../verify.ts')
      await runVerify(context, command, jobId)
    })
}

interface VerifyFlags {
  readonly full?: boolean
  readonly sample?: string
  readonly light?: boolean
  readonly trust?: string
}

/** What contradicts itself in the flags. */
function unfitOf({ full, sample, light, trust }: VerifyFlags): string | undefined {
  if (full === true && sample !== undefined) return 'give --full or --sample, not both'
  if (light !== true) return trust === undefined ? undefined : 'give --trust with --light alone'
  if (full !== true && sample === undefined) return undefined
  return '--light computes nothing: give it without --full and --sample'
}
