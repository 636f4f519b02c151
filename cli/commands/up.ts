import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern up`: a local network of separate processes, until it is stopped. */
export function register(program: Command, context: Context): void {
  addSettingFlags(program.command('up'), ['rpcPort', 'threads'])
    .description('start a local network and keep it running; Ctrl-C or "quern down" ends it')
    .option('--workers <count>', 'workers, 0 to 8', '3')
    .option('--evaluators <count>', 'evaluators, 0 to 6', '3')
    .option('--validators <count>', 'validators of the chain, 1 to 16', '1')
    .option('--stake <train>', 'what each stakes, in TRAIN', '20000')
    .option(
      '--misbehave <index:kind...>',
      'who cheats: workers such as 1:noise, evaluators such as e1:lazy',
    )
    .option('--detach', 'return when the network is ready and leave it running')
    .option('--no-restart', 'do not start a worker or evaluator again when it ends by itself')
    .action(async ({ detach }: { detach?: boolean }, command: Command) => {
      const { runUp } = await import('../up.ts')
      const { runDetached } = await import('../detach.ts')
      await (detach === true ? runDetached : runUp)(context, command)
    })
}
