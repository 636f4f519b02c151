import type { Command } from 'commander'
import type { Logger } from '#base/log.ts'
import { roles } from '#chain/client/registry.ts'
import { createTransactor, type Transactor } from '#chain/client/transactor.ts'
import type { Hex } from '#wire/primitives.ts'
import { misbehaveKindOf } from '#worker/misbehave.ts'
import { ensureBonds } from './bonds.ts'
import { composeWorker } from './compose-worker.ts'
import type { Settings } from './configuration.ts'
import type { Context } from './context.ts'
import { lockDataDir } from './data-dir.ts'
import { ensureRegistered, ensureStake } from './enrol.ts'
import { trainToWei } from './job/terms.ts'
import { ensureLeaderSeat } from './leader-seat.ts'
import { createLogger } from './logger.ts'
import { type OwnedMachine, runMachine } from './machine.ts'
import { createMetricsServer } from './metrics-server.ts'
import { openKey, openSigner } from './signer.ts'
import { consentOf, policyOf } from './worker-policy.ts'

interface StartFlags {
  readonly owner: string
  readonly operator: string
  readonly stake?: string
  readonly lead?: boolean
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
    const machine = await composeWorker(context, { ...parts, owner: ownerAddress, payer: owner })
    const transactor = createTransactor(machine.station.access, owner)
    await runMachine(context, machine, {
      name: 'worker',
      metrics,
      log,
      enrol: async () => {
        const { access, network } = machine.station
        const bonds = { access, amountWei: trainToWei(settings.disputeBond), log }
        await Promise.all([
          enrol(machine, { transactor, settings, stake: flags.stake, log }),
          ensureBonds(transactor, createTransactor(access, machine.operator), bonds),
        ])
        if (flags.lead !== true) return
        const seat = { access, operatorKey, peerId: network.peerId, log }
        await ensureLeaderSeat(transactor, seat)
      },
    })
  } finally {
    lock.release()
  }
}

async function enrol(
  machine: OwnedMachine,
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
