import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { jobKinds } from '#wire/market.ts'

interface Row<T> {
  readonly default: T
  readonly env: `QUERN_${string}`
  readonly help: string
  readonly schema: z.ZodType<T>
}

const port = z.int().min(0).max(65_535)
const trainAmount = z.string().regex(/^[0-9]{1,12}(\.[0-9]{1,18})?$/, 'expected an amount in TRAIN')

const kindNames = Object.keys(jobKinds)
const areKinds = (text: string) => text.split(',').every((kind) => kindNames.includes(kind))

/**
 * Every setting, once: `quern.config.json` holds the key, the flag is the key in kebab case. A flag beats
 * the environment, which beats the file, which beats the default. Secrets are paths of files.
 */
export const settingRows = {
  logLevel: row('info', 'QUERN_LOG_LEVEL', {
    help: 'least important log lines to write: debug, info, warn, error or silent',
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
  }),
  rpcUrl: row('', 'QUERN_RPC_URL', {
    help: 'JSON-RPC address of a node; by default the one in network.json',
    schema: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]),
  }),
  rpcPort: row(8545, 'QUERN_RPC_PORT', {
    help: 'port of the node’s JSON-RPC; any free one when it is taken or 0',
    schema: port,
  }),
  p2pPort: row(0, 'QUERN_P2P_PORT', { help: 'port for peers; 0 is any free one', schema: port }),
  keepBlocks: row(131_072, 'QUERN_KEEP_BLOCKS', {
    help: 'final blocks a node keeps whole; "node start --archive" keeps all',
    schema: z.int().min(1_024).max(Number.MAX_SAFE_INTEGER),
  }),
  metricsPort: row(0, 'QUERN_METRICS_PORT', {
    help: 'port of the Prometheus metrics; 0 is any free one',
    schema: port,
  }),
  passwordFile: row('', 'QUERN_PASSWORD_FILE', {
    help: 'file whose first line is the password of the keystore',
    schema: z.string().max(4096),
  }),
  threads: row(1, 'QUERN_THREADS', {
    help: 'threads of the compute engine; the result has the same bits with any number',
    schema: z.int().min(1).max(64),
  }),
  backend: row('exact', 'QUERN_BACKEND', {
    help: 'engine that trains tolerant jobs: exact, or one that "quern doctor" finds, such as "onnxruntime-node cuda"',
    schema: z.string().min(1).max(64),
  }),
  artifactGibMax: row(16, 'QUERN_ARTIFACT_GIB_MAX', {
    help: 'most GiB of artifacts kept on disk',
    schema: z.number().positive().max(65_536),
  }),
  concurrency: row(1, 'QUERN_CONCURRENCY', {
    help: 'jobs a worker takes at the same time',
    schema: z.int().min(1).max(64),
  }),
  disputeBond: row('0', 'QUERN_DISPUTE_BOND', {
    help: 'TRAIN kept for disputes: backs what a worker signs, and lets an evaluator dispute what is wrong; 0 does neither',
    schema: trainAmount,
  }),
  jobKinds: row(kindNames.join(','), 'QUERN_JOB_KINDS', {
    help: 'models a worker consents to train, separated by commas',
    schema: z.string().refine(areKinds, { error: `expected some of ${kindNames.join(', ')}` }),
  }),
  rewardMin: row('0', 'QUERN_REWARD_MIN', {
    help: 'least reward of a job a worker takes, in TRAIN',
    schema: trainAmount,
  }),
  pricePerTeraflop: row('0', 'QUERN_PRICE_PER_TERAFLOP', {
    help: 'least a worker asks for 10^12 FLOPs, in TRAIN',
    schema: trainAmount,
  }),
  hours: row('0-24', 'QUERN_HOURS', {
    help: 'hours of the day (UTC) in which a worker takes jobs, such as 20-6',
    schema: z.string().regex(/^([01]?[0-9]|2[0-4])-([01]?[0-9]|2[0-4])$/),
  }),
} as const

export type SettingName = keyof typeof settingRows
export type Settings = {
  readonly [Name in SettingName]: z.infer<(typeof settingRows)[Name]['schema']>
}

export const configurationFile = 'quern.config.json'

const settingNames = Object.keys(settingRows) as SettingName[]

/** Adds the flags of some settings to a command: `--rpc-port <value>  help (default, environment name)`. */
export function addSettingFlags(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const { default: initial, env, help } = settingRows[name]
    const shown = initial === '' ? env : `default ${initial}, ${env}`
    command.option(`--${flagOf(name)} <value>`, `${help} (${shown})`)
  }
  return command
}

/** Merges the sources into checked settings. Throws CONFIG_INVALID with the source and the setting. */
export function readSettings(sources: {
  readonly dataDir: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly flags: Readonly<Record<string, unknown>>
}): Settings {
  const file = readConfigurationFile(sources.dataDir)
  const entries = settingNames.map((name) => {
    const { env } = settingRows[name]
    const flag = sources.flags[name]
    if (typeof flag === 'string') return [name, parseText(name, flag, `--${flagOf(name)}`)]
    const variable = sources.environment[env]
    if (variable !== undefined && variable !== '') return [name, parseText(name, variable, env)]
    if (name in file) return [name, parseValue(name, file[name], configurationFile)]
    return [name, settingRows[name].default]
  })
  return Object.fromEntries(entries) as Settings
}

/** The settings as a Markdown table, for the documentation. */
export function settingsTable(): string {
  const rows = settingNames.map((name) => {
    const { default: initial, env, help } = settingRows[name]
    return `| \`${name}\` | \`--${flagOf(name)}\` | \`${env}\` | ${initial === '' ? '' : `\`${initial}\``} | ${help} |`
  })
  return [
    '| setting | flag | environment | default | what |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function row<T>(initial: T, env: Row<T>['env'], rest: Pick<Row<T>, 'help' | 'schema'>): Row<T> {
  return { default: initial, env, ...rest }
}

function flagOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function readConfigurationFile(dataDir: string): Record<string, unknown> {
  const path = join(dataDir, configurationFile)
  if (!existsSync(path)) return {}
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new AppError(
      { code: 'CONFIG_INVALID', source: path, reason: 'not JSON' },
      { cause: error },
    )
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(content)
  if (!parsed.success) {
    throw new AppError({ code: 'CONFIG_INVALID', source: path, reason: 'not an object' })
  }
  const stranger = Object.keys(parsed.data).find((key) => !(key in settingRows))
  if (stranger !== undefined) {
    throw new AppError({
      code: 'CONFIG_INVALID',
      source: path,
      setting: stranger,
      reason: 'unknown',
    })
  }
  return parsed.data
}

function parseText(name: SettingName, text: string, source: string): unknown {
  const isNumber = typeof settingRows[name].default === 'number'
  return parseValue(name, isNumber && text.trim() !== '' ? Number(text) : text, source)
}

function parseValue(name: SettingName, value: unknown, source: string): unknown {
  const parsed = settingRows[name].schema.safeParse(value)
  if (parsed.success) return parsed.data
  const reason = parsed.error.issues[0]?.message ?? 'invalid'
  throw new AppError({ code: 'CONFIG_INVALID', source, setting: name, reason })
}
