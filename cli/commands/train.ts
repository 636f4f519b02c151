import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'
import { addReadingFlags } from '../job/flags.ts'

/** `quern train`: the same training as a job's, on this machine and without a chain. */
export function register(program: Command, context: Context): void {
  const train = addSettingFlags(program.command('train'), ['threads'])
    .description(
      'train a specification or data files here, without a chain: one seed, one model hash',
    )
    .argument('<files...>', 'data files, or one .json file {"files": [...], "train": {...}}')
    .option('--workers <count>', 'how many shards are trained and aggregated, 1 to 8', '3')
    .option('--out <directory>', 'where to put the model')
    .option('--tfjs', 'write it as a layers model of tfjs too, into the folder tfjs of --out')
  addReadingFlags(train).action(async (files: string[], _flags: object, command: Command) => {
    const { runTrain } = await import('../train.ts')
    await runTrain(context, command, files)
  })
}
