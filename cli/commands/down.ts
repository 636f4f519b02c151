import type { Command } from 'commander'
import type { Context } from '../context.ts'

/** `quern down`: ends what `quern up` started. */
export function register(program: Command, context: Context): void {
  program
    .command('down')
    .description('end the local network of this data directory')
    .action(async () => {
      const { runDown } = await import('../down.ts')
      await runDown(context)
    })
}
