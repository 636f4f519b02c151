import { type Command, InvalidArgumentError, Option } from 'commander'
import { AppError } from '#base/error.ts'
import type { PrepareOptions } from '#compute/data/prepared.ts'
import type { JobSpec } from '#wire/job.ts'
import { limits } from '#wire/limits.ts'
import { type JobMode, type MatchWay, jobModes, matchModes } from '#wire/market.ts'
import { type Hex, address } from '#wire/primitives.ts'
import { taskSchema } from '#wire/task.ts'
import type { Offer } from './terms.ts'
import { trainToWei } from './terms.ts'

/** Models that can be asked for by name. */
export const modelChoices = ['linear', 'mlp', 'cnn', 'transformer'] as const

/** What a person types about the data of a job; everything has a default. */
export interface ReadingFlags {
  readonly task?: JobSpec['task']
  readonly target?: string
  readonly drop?: string
  readonly header: boolean
  /** One of `modelChoices`, or the path of an ONNX file or of a model.json of tfjs. */
  readonly model?: string
  readonly context?: string
  readonly test?: readonly string[]
  readonly testShare?: string
  readonly seed: string
}

/** What a person types about the money and the people of a job. */
export interface OfferFlags {
  readonly workers: string
  readonly evaluators: string
  readonly reward: string
  readonly mode?: JobMode
  readonly runSeconds?: string
  readonly volunteerSeconds?: string
}

/** What a person types about how workers are found. */
export interface MatchFlags {
  readonly match?: MatchWay
  readonly workersAt?: string
  readonly consentSeconds?: string
}

/** Adds the flags that say how to read the data. */
export function addReadingFlags(command: Command): Command {
  return command
    .addOption(new Option('--task <task>', 'guessed when not given').choices(taskSchema.options))
    .option('--target <column>', 'column to predict, by name or zero-based index')
    .option('--drop <columns>', 'columns to leave out, separated by commas')
    .option('--no-header', 'the first row is a row, not the names of the columns')
    .option(
      '--model <model>',
      `${modelChoices.join(', ')}, an .onnx file, or a model.json of tfjs; chosen from the data when not given`,
      checkModel,
    )
    .option('--context <tokens>', 'how far back a language model looks; chosen when not given')
    .option('--test <file...>', 'files of the held-out part')
    .option(
      '--test-share <share>',
      'share of the rows held out when there is no --test (0.2; 0.1 of a text)',
    )
    .option('--seed <number>', 'decides the split and the order of rows', '1')
}

/** Adds the flags of the offer. */
export function addOfferFlags(command: Command): Command {
  return command
    .option('--workers <count>', 'how many workers share the rows, 1 to 8', '3')
    .option('--evaluators <count>', 'how many evaluators are drawn at first, 1 to 8', '2')
    .option('--reward <train>', 'what the work is paid, in TRAIN', '1000')
    .option(
      '--volunteer-seconds <seconds>',
      'how long workers may volunteer; 2 for each that is wanted, and at least 6, when not given',
    )
    .option('--run-seconds <seconds>', 'how long the training may take')
    .addOption(
      new Option(
        '--mode <mode>',
        'exact: every bit is checked; tolerant: engines on GPUs may train, what they give is checked within a tolerance',
      )
        .choices(Object.keys(jobModes))
        .default('exact'),
    )
}

/** Adds the flags that say how workers are found. */
export function addMatchFlags(command: Command): Command {
  const ways = Object.keys(matchModes)
  const match = new Option(
    '--match <way>',
    'volunteer: workers come and are drawn by lot; offers: the cheapest and best that sign; direct: those of --workers-at',
  )
  return command
    .addOption(match.choices(ways).default('volunteer'))
    .option('--workers-at <owners>', 'owners of the workers for --match direct, by commas')
    .option('--consent-seconds <seconds>', 'how long workers are asked for signatures', '60')
}

/** How many workers the job wants. Throws FLAG_INVALID. */
export function workerCountOf(flags: Pick<OfferFlags, 'workers'> & MatchFlags): number {
  const named = workersAtOf(flags)
  if (named.length > 0) return named.length
  return integerOf('workers', flags.workers, { min: 1, max: limits.workersMax })
}

/** The options of `prepareJob` behind the flags. Throws FLAG_INVALID. */
export function prepareOptionsOf(flags: ReadingFlags, workers: number): PrepareOptions {
  return {
    task: flags.task,
    target: flags.target,
    drop: flags.drop?.split(',').map((name) => name.trim()),
    noHeader: flags.header ? undefined : true,
    ...modelOf(flags.model),
    context:
      flags.context === undefined
        ? undefined
        : integerOf('context', flags.context, { min: 2, max: 4096 }),
    testFiles: flags.test,
    testShare: flags.testShare === undefined ? undefined : shareOf('test-share', flags.testShare),
    seed: integerOf('seed', flags.seed, { min: 0, max: Number.MAX_SAFE_INTEGER }),
    workerCount: workers,
  }
}

function checkModel(text: string): string {
  if (isChoice(text) || isModelFile(text)) return text
  throw new InvalidArgumentError(
    `Allowed choices are ${modelChoices.join(', ')}, an .onnx file, or a model.json of tfjs.`,
  )
}

function modelOf(model: string | undefined): Pick<PrepareOptions, 'model' | 'modelFile'> {
  if (model === undefined) return {}
  return isChoice(model) ? { model } : { modelFile: model }
}

function isChoice(text: string): text is (typeof modelChoices)[number] {
  return (modelChoices as readonly string[]).includes(text)
}

function isModelFile(text: string): boolean {
  return ['.json', '.onnx'].some((end) => text.toLowerCase().endsWith(end))
}

/** The offer behind the flags. Throws FLAG_INVALID, AMOUNT_INVALID. */
export function offerOf(flags: OfferFlags & MatchFlags, expectedSeconds: number): Offer {
  const seconds = { min: 1, max: 2_592_000 }
  const { runSeconds, volunteerSeconds } = flags
  const workers = workerCountOf(flags)
  return {
    rewardWei: trainToWei(flags.reward),
    mode: flags.mode ?? 'exact',
    match: flags.match ?? 'volunteer',
    workers,
    workersAt: workersAtOf(flags),
    consentSeconds: integerOf('consent-seconds', flags.consentSeconds ?? '60', seconds),
    evaluators: integerOf('evaluators', flags.evaluators, { min: 1, max: limits.evaluatorsMax }),
    volunteerSeconds:
      volunteerSeconds === undefined
        ? volunteerSecondsFor(workers)
        : integerOf('volunteer-seconds', volunteerSeconds, seconds),
    runSeconds:
      runSeconds === undefined
        ? Math.max(180, Math.ceil(expectedSeconds * 4))
        : integerOf('run-seconds', runSeconds, seconds),
  }
}

/** Three workers need four seconds where nothing else runs; each more that is wanted is one more that may be late. */
function volunteerSecondsFor(workers: number): number {
  return Math.max(6, 2 * workers)
}

/** A whole number within bounds. Throws FLAG_INVALID. */
export function integerOf(
  flag: string,
  text: string,
  { min, max }: { min: number; max: number },
): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  const message = `--${flag} is a whole number from ${min} to ${max}, not "${text}"`
  throw new AppError({ code: 'FLAG_INVALID', flag, text, message })
}

function workersAtOf({ match, workersAt }: MatchFlags): readonly Hex[] {
  const text = workersAt ?? ''
  if ((match === 'direct') !== (text !== '')) {
    const message = '--match direct and --workers-at <owners> go together'
    throw new AppError({ code: 'FLAG_INVALID', flag: 'workers-at', text, message })
  }
  if (text === '') return []
  const owners = text.split(',').map((owner) => address.safeParse(owner.trim().toLowerCase()).data)
  const known = owners.filter((owner) => owner !== undefined)
  const areGood =
    known.length === owners.length &&
    new Set(known).size === known.length &&
    known.length <= limits.workersMax
  if (areGood) return known
  const message = `--workers-at takes 1 to ${limits.workersMax} different addresses, separated by commas, not "${text}"`
  throw new AppError({ code: 'FLAG_INVALID', flag: 'workers-at', text, message })
}

function shareOf(flag: string, text: string): number {
  const value = Number(text)
  if (value > 0 && value < 1) return value
  const message = `--${flag} is a number between 0 and 1, not "${text}"`
  throw new AppError({ code: 'FLAG_INVALID', flag, text, message })
}
