import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'
import type { GenerateFlags } from '../generate.ts'

/** `quern predict`: what a model says of the rows of a file, or writes behind a prompt. */
export function register(program: Command, context: Context): void {
  addSettingFlags(program.command('predict'), ['threads'])
    .description(
      'predict the rows of files, or continue a text, with a model that "quern job result" fetched',
    )
    .argument('<modelDir>')
    .argument('[files...]')
    .option('--no-header', 'the first row is a row, not the names of the columns')
    .option('--integer', 'a ternary model adds integers: 2-bit weights, 8-bit activations')
    .option('--prompt <text>', 'what a language model continues')
    .option('--tokens <count>', 'how many bytes it writes at most (200)')
    .option('--temperature <number>', 'how much chance has its way; 0 always takes the likeliest')
    .option('--top-k <count>', 'choose among so many of the likeliest')
    .option('--top-p <share>', 'choose among the likeliest that together have this probability')
    .option('--seed <number>', 'of the chance; one seed, one text')
    .action(async (modelDir: string, files: string[], flags: GenerateFlags, command: Command) => {
      const { prompt } = flags
      if (prompt !== undefined) {
        const { runGenerate } = await import('../generate.ts')
        return runGenerate(context, modelDir, { ...flags, prompt })
      }
      const { runPredict } = await import('../predict.ts')
      await runPredict(context, command, { modelDir, files })
    })
}
