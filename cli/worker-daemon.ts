import type { Command } from 'commander'
import type { Logger } from '#base/log.ts'
import { roles } from '#chain/client/registry.ts'
import { createReader, createTransactor, type Transactor } from '#chain/client/transactor.ts'
import type { Hex } from '#wire/primitives.ts'
import { misbehaveKindOf } from '#worker/misbehave.ts'
import { tellParent } from './children.ts'
import { accessOf } from './compose.ts'
import { composeWorker, machineServices, type WorkerMachine } from './compose-worker.ts'
import type { Settings } from './configuration.ts'
import type { Context } from './context.ts'
import { lockDataDir, runningPid } from './data-dir.ts'
import { addStake, ensureRegistered, ensureStake } from './enrol.ts'
import { trainToWei, weiToTrain } from './job/terms.ts'
import { createLogger } from './logger.ts'
import { createMetricsServer } from './metrics-server.ts'
import type { Network as NetworkFile } from './network-file.ts'
import { openKey, openSigner } from './signer.ts'
import { untilStopped } from './stopping.ts'
import { consentOf, policyOf } from './worker-policy.ts'

export interface AccountFlags {
  readonly owner: string
}

interface StartFlags extends AccountFlags {
  readonly operator: string
  readonly stake?: string
  readonly misbehave?: string
}

/** Runs a worker until it is asked to stop. Everything that can be wrong with keys is found first. */
export async function startWorker(context: Context, command: Command): Promise<void> {
  const flags = command.opts<StartFlags>()
  const settings = await context.settings(command)
  const networkFile = await context.network(command)
  const dataDir = context.dataDir()
  const { chainId } = networkFile
  const misbehave =
    flags.misbehave === undefined ? undefined : misbehaveKindOf(flags.misbehave, chainId)
  const lock = lockDataDir(dataDir)
  try {
    const signing = { dataDir, chainId, passwordFile: settings.passwordFile }
    const operatorKey = await openKey({ account: flags.operator, ...signing })
    const owner = await openSigner({ account: flags.owner, ...signing })
    const log = createLogger({ name: 'worker', level: settings.logLevel })
    const metrics = createMetricsServer({ port: settings.metricsPort })
    const policy = policyOf(settings)
    const parts = { dataDir, networkFile, settings, policy, operatorKey, misbehave, log, metrics }
    const ownerAddress = owner.address.toLowerCase() as Hex
    const machine = await composeWorker(context, { ...parts, owner: ownerAddress })
    const transactor = createTransactor(machine.station.access, owner)
    await runMachine(context, machine, {
      metrics,
      log,
      enrol: () => enrol(machine, { transactor, settings, stake: flags.stake, log }),
    })
  } finally {
    lock.release()
  }
}

interface Run {
  readonly metrics: ReturnType<typeof createMetricsServer>
  readonly log: Logger
  readonly enrol: () => Promise<void>
}

async function runMachine(context: Context, machine: WorkerMachine, run: Run): Promise<void> {
  const { metrics, log } = run
  const services = machineServices(machine)
  try {
    await metrics.start()
    await services.start()
    await run.enrol()
    await machine.worker.start()
    const { peerId } = machine.station.network
    log.info({ peerId, metrics: metrics.url() }, 'worker is ready')
    tellParent({ kind: 'ready', peerId, metricsUrl: metrics.url() })
    await untilStopped(context.stopping)
    log.info({}, 'worker stops')
  } finally {
    await machine.worker.stop()
    await services.stop()
    await metrics.stop()
    await machine.close()
  }
}

async function enrol(
  machine: WorkerMachine,
  facts: { transactor: Transactor; settings: Settings; stake: string | undefined; log: Logger },
): Promise<void> {
  const { transactor, settings, stake, log } = facts
  const { access, network } = machine.station
  if (stake !== undefined) await ensureStake(transactor, access, trainToWei(stake))
  const { operator } = machine
  const consent = consentOf(settings)
  const enrolment = {
    owner: transactor,
    operator,
    roles: roles.worker,
    peerId: network.peerId,
    consent,
  }
  await ensureRegistered(enrolment, { access, log })
}

/** Prints what the chain says about a worker's or an evaluator's owner, and whether its daemon runs. */
export async function showOwner(
  context: Context,
  command: Command,
  role: 'worker' | 'evaluator' = 'worker',
): Promise<void> {
  const networkFile = await context.network(command)
  const owner = await addressOf(context, command, networkFile)
  const reader = createReader(accessOf(networkFile))
  const account = await reader.read<{
    activeGwei: bigint
    lockedGwei: bigint
    earningsGwei: bigint
  }>('Staking', 'accountOf', [owner])
  const thaw = await reader.read<{ amountGwei: bigint; readyAt: bigint }>('Staking', 'thawOf', [
    owner,
  ])
  const entry = await reader.read<{ operator: Hex; roles: number }>('WorkerRegistry', 'entryOf', [
    owner,
  ])
  const pid = runningPid(context.dataDir())
  const toWei = (gweis: bigint) => gweis * 1_000_000_000n
  const event = {
    event: role,
    owner,
    operator: entry.operator.toLowerCase(),
    isRegistered: (entry.roles & roles[role]) !== 0,
    stakeWei: toWei(account.activeGwei),
    lockedWei: toWei(account.lockedGwei),
    thawingWei: toWei(thaw.amountGwei),
    thawReadyAt: thaw.readyAt,
    earningsWei: toWei(account.earningsGwei),
    pid: pid ?? null,
  }
  const text = [
    `owner     ${owner}${event.isRegistered ? '' : ' (not registered as ${role})'}`,
    `operator  ${event.operator}`,
    `stake     ${weiToTrain(event.stakeWei)} TRAIN, ${weiToTrain(event.lockedWei)} locked by jobs, ${weiToTrain(event.thawingWei)} thawing`,
    `earnings  ${weiToTrain(event.earningsWei)} TRAIN`,
    `daemon    ${pid === undefined ? 'not running here' : `pid ${pid}`}`,
  ]
  context.output.print(event, text.join('\n'))
}

/** Stakes TRAIN of the owner, or starts to thaw it. */
export async function moveStake(
  context: Context,
  command: Command,
  { amount, isLeaving }: { amount: string; isLeaving: boolean },
): Promise<void> {
  const networkFile = await context.network(command)
  const { passwordFile } = await context.settings(command)
  const { owner: account } = command.opts<AccountFlags>()
  const { chainId } = networkFile
  const owner = await openSigner({ account, dataDir: context.dataDir(), chainId, passwordFile })
  const access = accessOf(networkFile)
  const transactor = createTransactor(access, owner)
  const amountWei = trainToWei(amount)
  if (isLeaving) await transactor.send('Staking', 'unstake', [amountWei])
  else await addStake(transactor, access, amountWei)
  const word = isLeaving ? 'thawing' : 'staked'
  const text = `${weiToTrain(amountWei)} TRAIN ${isLeaving ? 'begin to thaw' : 'staked'}`
  context.output.print({ event: word, owner: transactor.address, amountWei }, text)
}

/** The owner's address: of an account, or as it stands. */
async function addressOf(
  context: Context,
  command: Command,
  { chainId }: NetworkFile,
): Promise<Hex> {
  const { owner } = command.opts<AccountFlags>()
  if (/^0x[0-9a-fA-F]{40}$/.test(owner)) return owner.toLowerCase() as Hex
  const index = /^dev:([0-9]{1,3})$/.exec(owner)?.[1]
  if (index !== undefined) {
    const { devAccount } = await import('./mnemonic.ts')
    return devAccount(Number(index), chainId).address
  }
  const { findAccount } = await import('./accounts.ts')
  return findAccount(context.dataDir(), owner).address
}
