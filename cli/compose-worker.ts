import { join } from 'node:path'
import type { LocalAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import { createGroup } from '#base/service.ts'
import { createDisputes } from '#chain/client/dispute/disputes.ts'
import { createTransactor } from '#chain/client/transactor.ts'
import { createFiles } from '#store/files.ts'
import { openLevelStore } from '#store/level.ts'
import type { Hex } from '#wire/primitives.ts'
import { roundTimesDefault } from '#worker/agreement.ts'
import { createJournal } from '#worker/journal.ts'
import { createWorker } from '#worker/loop.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import type { Policy } from '#worker/policy.ts'
import { announce } from './announce.ts'
import { ensureBonds } from './bonds.ts'
import { composeStation } from './compose.ts'
import type { Settings } from './configuration.ts'
import type { Context } from './context.ts'
import { exactEngineId } from './exact-engine.ts'
import { trainToWei } from './job/terms.ts'
import type { OwnedMachine } from './machine.ts'
import type { Network as NetworkFile } from './network-file.ts'
import { trainingEngineOf } from './training-engine.ts'

export interface WorkerParts {
  readonly dataDir: string
  readonly networkFile: NetworkFile
  readonly settings: Settings
  readonly policy: Policy
  readonly operatorKey: Uint8Array
  /** Whom the machine works for, lower case. */
  readonly owner: Hex
  /** The owner's account, from which bonds come when claims are disputed. */
  readonly payer: LocalAccount
  readonly misbehave?: MisbehaveKind
  readonly log: Logger
  readonly metrics: Metrics
}

const retentionSeconds = 7 * 86_400

/**
 * Wires a worker together. Opens the journal; throws STORE_LOCKED when another process has it, and what
 * `trainingEngineOf` throws.
 */
export async function composeWorker(context: Context, parts: WorkerParts): Promise<OwnedMachine> {
  const { dataDir, networkFile, settings, log, owner } = parts
  const { clock } = context
  const openRunner = trainingEngineOf(settings.backend)
  const operator = privateKeyToAccount(toHex(parts.operatorKey))
  const station = await composeStation(context, {
    dataDir,
    networkFile,
    log,
    p2pPort: settings.p2pPort,
    artifactGibMax: settings.artifactGibMax,
  })
  const { chainId, contracts } = station.access
  const engineId = await exactEngineId()
  const store = await openLevelStore(join(dataDir, 'worker'))
  const chain = createTransactor(station.access, operator)
  const payer = createTransactor(station.access, parts.payer)
  const hasBonds = trainToWei(settings.disputeBond) > 0n
  const worker = createWorker(
    {
      ...station,
      chain,
      disputes: createDisputes(station.access, chain),
      ...(hasBonds && {
        putUpBonds: (amountWei: bigint) =>
          ensureBonds(payer, chain, { access: station.access, amountWei, log }),
      }),
      account: operator,
      files: createFiles(join(dataDir, 'jobs')),
      journal: createJournal(store),
      openRunner,
      clock,
      log,
      metrics: parts.metrics,
    },
    {
      chainId,
      jobManager: contracts.JobManager,
      disputeGame: contracts.DisputeGame,
      self: owner,
      threads: settings.threads,
      times: roundTimesDefault,
      policy: parts.policy,
      engineId,
      retentionSeconds,
      misbehave: parts.misbehave,
    },
  )
  const capabilities = await announce(context, station, {
    operatorKey: parts.operatorKey,
    log,
    claim: () => ({
      roles: ['worker'],
      taskKinds: settings.jobKinds.split(','),
      pricePerGflopWei: parts.policy.pricePerTeraflopWei / 1000n,
      load: Math.min(1, worker.sessions().length / settings.concurrency),
    }),
  })
  const services = createGroup([station, capabilities])
  return { station, operator, services, work: worker, close: () => store.close() }
}
