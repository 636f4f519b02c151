import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern predict`: what a model says of the rows of a file. */
export function register(program: Command, context: Context): void {
  addSettingFlags(program.command('predict'), ['threads'])
    .description('predict the rows of a file with a model that "quern job result" fetched')
    .argument('<modelDir>')
    .argument('<files...>')
    .option('--no-header', 'the first row is a row, not the names of the columns')
    .action(async (modelDir: string, files: string[], _flags: object, command: Command) => {
      const { runPredict } = await import('../predict.ts')
      await runPredict(context, command, { modelDir, files })
    })
}
