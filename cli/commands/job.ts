import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'
import {
  type MatchFlags,
  type OfferFlags,
  type ReadingFlags,
  addMatchFlags,
  addOfferFlags,
  addReadingFlags,
} from '../job/flags.ts'

interface PostFlags extends ReadingFlags, OfferFlags, MatchFlags {
  readonly account?: string
  readonly name?: string
  readonly yes?: boolean
}

/** `quern job post | list | show | watch | result | cancel`: all that a client does. */
export function register(program: Command, context: Context): void {
  const job = program.command('job').description('post jobs, follow them, fetch their models')
  registerPost(job, context)
  addSettingFlags(job.command('list'), ['rpcUrl'])
    .description('the jobs of the chain')
    .action(async (_flags: object, command: Command) => {
      const { listJobs } = await import('../job/inspect.ts')
      await listJobs(context, command)
    })
  addSettingFlags(job.command('show'), ['rpcUrl'])
    .description('all that the chain says about a job')
    .argument('<jobId>')
    .action(async (jobId: string, _flags: object, command: Command) => {
      const { showJob } = await import('../job/inspect.ts')
      await showJob(context, command, jobId)
    })
  addSettingFlags(job.command('watch'), ['rpcUrl'])
    .description('follow a job until it is over')
    .argument('<jobId>')
    .action(async (jobId: string, _flags: object, command: Command) => {
      const { followJob } = await import('../job/follow.ts')
      await followJob(context, command, jobId)
    })
  addSettingFlags(job.command('result'), ['rpcUrl'])
    .description('fetch the model of a finished job')
    .argument('<jobId>')
    .option('--out <directory>', 'where to put it', 'model')
    .option('--tfjs', 'write it as a layers model of tfjs too, into its folder tfjs')
    .action(async (jobId: string, flags: { out: string; tfjs?: boolean }, command: Command) => {
      const { fetchResult } = await import('../job/result.ts')
      await fetchResult(context, command, { jobId, directory: flags.out, tfjs: flags.tfjs })
    })
  addSettingFlags(job.command('cancel'), ['rpcUrl', 'passwordFile'])
    .description('take back a job that no worker has been assigned to')
    .argument('<jobId>')
    .option('--account <account>', 'who posted it')
    .action(async (jobId: string, _flags: object, command: Command) => {
      const { cancelJob } = await import('../job/cancel.ts')
      await cancelJob(context, command, jobId)
    })
}

function registerPost(job: Command, context: Context): void {
  const post = addSettingFlags(job.command('post'), ['rpcUrl', 'passwordFile', 'artifactGibMax'])
    .description(
      'train a model on your files: CSV, TSV, JSONL, IDX or NPZ, several are concatenated',
    )
    .argument('<files...>')
  addMatchFlags(addOfferFlags(addReadingFlags(post)))
    .option('--account <account>', 'who pays: a keystore account, or dev:<index>')
    .option('--name <name>', 'what to call the job')
    .option('--yes', 'do not ask before signing')
    .action(async (files: string[], flags: PostFlags, command: Command) => {
      const { postFiles } = await import('../job/post-files.ts')
      await postFiles(context, command, { files, flags })
    })
}
