import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { prepareDigits, prepareJob } from '#compute/data/prepare.ts'
import { workRules } from '#chain/core/work-rules.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import { limits } from '#wire/limits.ts'
import { devChainId } from '#wire/addresses.ts'
import { spawnQuern } from './children.ts'
import { composeClient } from './compose-client.ts'
import type { Context } from './context.ts'
import { devRoles } from './dev-roles.ts'
import { type ReadingFlags, type OfferFlags, integerOf, prepareOptionsOf } from './job/flags.ts'
import { summaryText } from './job/follow.ts'
import { runJob } from './job/post-files.ts'
import type { Summary } from './job/summary.ts'
import { type Units, awaitUnits } from './job/units.ts'
import { type LocalNetwork, startLocalNetwork } from './local-network.ts'
import { devAccount } from './mnemonic.ts'
import { type Election, firstLedBy } from './work-led.ts'

interface DemoFlags extends ReadingFlags, OfferFlags {
  readonly data?: readonly string[]
}

const evaluators = 3
const accuracyMin = 0.97
const verifyTimeoutMs = 1_800_000
/** How long attesters have; nothing else depends on them. */
const unitsTimeoutMs = 60_000
/** An idle chain makes a block every 15 s, and every second of them may be led by work. */
const ledTimeoutMs = 90_000

/** Starts the network, posts the job, waits for its end, verifies it as a stranger would, and judges it all. */
export async function runDemo(context: Context, command: Command): Promise<void> {
  const startMs = context.clock.nowMs()
  const flags = command.opts<DemoFlags>()
  const workers = integerOf('workers', flags.workers, { min: 1, max: limits.workersMax })
  const prepared = await prepareDemo(context, flags, workers)
  const dataDir = join(context.dataDir(), 'demo')
  rmSync(dataDir, { recursive: true, force: true })
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const network = await startDemoNetwork(context, { dataDir, workers })
  try {
    const summary = await trainInMarket(context, network, { dataDir, prepared, flags })
    const [isVerified, { work, led }] = await Promise.all([
      verifyAsStranger(context, { dataDir, summary }),
      workOf(context, network, summary),
    ])
    const wallMs = context.clock.nowMs() - startMs
    const { isBalanced, ...rest } = summary
    const line = { ...rest, verified: isVerified, work, led: led ?? null, wallMs }
    const facts = { isVerified, work, led, wallMs, dataDir }
    context.output.print(line, demoText(summary, facts).join('\n'))
    const failures = failuresOf(summary, {
      isVerified,
      isDigits: flags.data === undefined,
      workers,
    })
    if (!isBalanced) failures.push('the payouts do not add up to the escrow')
    if (failures.length > 0)
      throw new AppError({ code: 'DEMO_FAILED', message: failures.join('; ') })
  } finally {
    await network.stop()
  }
}

async function prepareDemo(
  context: Context,
  flags: DemoFlags,
  workers: number,
): Promise<PreparedJob> {
  const options = { ...prepareOptionsOf(flags, workers), signal: context.stopping }
  return flags.data === undefined ? prepareDigits(options) : prepareJob(flags.data, options)
}

/** The last worker skips every second step; with one worker alone nobody cheats. */
async function startDemoNetwork(
  context: Context,
  { dataDir, workers }: { dataDir: string; workers: number },
): Promise<LocalNetwork> {
  const say = (text: string) => context.output.print({ event: 'network', text }, text)
  say(`starting a chain, ${workers} workers and ${evaluators} evaluators in ${dataDir}`)
  return startLocalNetwork({
    dataDir,
    workers,
    evaluators,
    misbehave: workers > 1 ? { [`worker-${workers}`]: 'skip-steps' } : {},
    rpcPort: 0,
    stakeTrain: '20000',
    threads: 1,
    signal: context.stopping,
    onReady: (name) => context.output.print({ event: 'ready', name }, `  ${name} is ready`),
  })
}

async function trainInMarket(
  context: Context,
  network: LocalNetwork,
  demo: { dataDir: string; prepared: PreparedJob; flags: DemoFlags },
): Promise<Summary> {
  const { prepared, flags } = demo
  const client = await composeClient(context, {
    dataDir: join(demo.dataDir, 'client'),
    keystoreDir: demo.dataDir,
    networkFile: network.networkFile,
    log: noopLogger,
    passwordFile: '',
  })
  const name = flags.data === undefined ? 'drawn digits' : basename(flags.data[0] ?? '')
  try {
    await client.start()
    return await Promise.race([
      runJob(context, client, { name, prepared, flags, confirm: async () => true }),
      network.failed.then((part) => {
        const message = `${part} ended by itself; see ${join(demo.dataDir, 'logs', part)}.err.log`
        throw new AppError({ code: 'CHILD_EXITED', name: part, message })
      }),
    ])
  } finally {
    await client.stop()
  }
}

/** Waits for the units of the job's work, and for a block that one of them leads. */
async function workOf(
  context: Context,
  { networkFile }: LocalNetwork,
  { jobId, modelBlock }: Summary,
): Promise<{ work: Units; led: Election | undefined }> {
  const work = await awaitUnits(context, networkFile, { jobId, timeoutMs: unitsTimeoutMs })
  if (work.units < workRules.unitsMin || modelBlock === null) return { work, led: undefined }
  const { clock, stopping: signal } = context
  const place = { rpcUrl: networkFile.rpcUrl, clock }
  const limit = { timeoutMs: ledTimeoutMs, signal }
  return { work, led: await firstLedBy(place, { jobId, fromHeight: modelBlock }, limit) }
}

/** A process that knows `network.json` alone repeats every step. */
async function verifyAsStranger(
  context: Context,
  { dataDir, summary }: { dataDir: string; summary: Summary },
): Promise<boolean> {
  context.output.print(
    { event: 'verifying' },
    'verifying     every step is repeated by a new process',
  )
  const child = spawnQuern({
    name: 'verify',
    args: ['--data-dir', dataDir, '--json', 'verify', summary.jobId, '--full'],
    logDir: join(dataDir, 'logs'),
  })
  const limit = AbortSignal.any([context.stopping, AbortSignal.timeout(verifyTimeoutMs)])
  limit.addEventListener('abort', () => void child.kill(), { once: true })
  return (await child.exited).exitCode === 0
}

function failuresOf(
  summary: Summary,
  facts: { isVerified: boolean; isDigits: boolean; workers: number },
): string[] {
  const { phase, metric } = summary
  const value = metric.value ?? 0
  return [
    ...(phase === 'settled' ? [] : [`the job ended ${phase}`]),
    ...(facts.isDigits && value < accuracyMin ? [`accuracy ${value} is below ${accuracyMin}`] : []),
    ...(isCheatCaught(summary, facts.workers) ? [] : ['the cheating worker was not slashed']),
    ...(facts.isVerified ? [] : ['the model could not be verified']),
  ]
}

function isCheatCaught(summary: Summary, workers: number): boolean {
  if (workers === 1) return true
  const { address } = devAccount(devRoles.workerOwner(workers - 1), devChainId)
  const cheat = summary.workers.find((worker) => worker.address === address)
  return cheat !== undefined && cheat.slashedWei > 0n && cheat.paidWei === 0n
}

function demoText(
  summary: Summary,
  facts: {
    isVerified: boolean
    work: Units
    led: Election | undefined
    wallMs: number
    dataDir: string
  },
): readonly string[] {
  const { isVerified, work, led, wallMs, dataDir } = facts
  const again = `npm run -s quern -- --data-dir ${dataDir}`
  return [
    ...summaryText(summary).filter((line) => !line.startsWith('verify with')),
    `verified      ${isVerified ? 'every step gave the same bits' : 'NO'}`,
    `units of work ${work.units}, by ${work.matured} segments of ${work.segments} committed`,
    led === undefined
      ? 'led by work   no block yet'
      : `led by work   block ${led.height} by ${led.leader}, model ${led.modelHash.slice(0, 18)}…`,
    `took          ${(wallMs / 1000).toFixed(1)} s`,
    '',
    'The network is stopped, its state is kept. To look again:',
    `  ${again} up`,
    `  ${again} verify ${summary.jobId} --full`,
  ]
}
