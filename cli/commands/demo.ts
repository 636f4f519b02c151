import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { addReadingFlags, addOfferFlags } from '../job/flags.ts'

/** `quern demo`: the whole main job on this machine, with one worker that cheats. */
export function register(program: Command, context: Context): void {
  const demo = program
    .command('demo')
    .description('a local network trains a model with a cheating worker among its three')
    .option('--data <file...>', 'your own file in place of the drawn digits')
  addOfferFlags(addReadingFlags(demo)).action(async (_flags: object, command: Command) => {
    const { runDemo } = await import('../demo.ts')
    await runDemo(context, command)
  })
}
