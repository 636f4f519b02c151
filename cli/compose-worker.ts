import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import type { LocalAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import { createGroup, type Service } from '#base/service.ts'
import { createTransactor } from '#chain/client/transactor.ts'
import { engineIdOf } from '#compute/exact/kernels.ts'
import { createRunner } from '#compute/runner-process.ts'
import { createBinding } from '#p2p/binding.ts'
import { type Capabilities, createCapabilities } from '#p2p/capabilities.ts'
import type { CapabilityClaim } from '#p2p/capability.ts'
import { createFiles } from '#store/files.ts'
import { openLevelStore } from '#store/level.ts'
import type { Hex } from '#wire/primitives.ts'
import { roundTimesDefault } from '#worker/agreement.ts'
import { createJournal } from '#worker/journal.ts'
import { createWorker, type Worker } from '#worker/loop.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import type { Policy } from '#worker/policy.ts'
import { composeStation, type Station } from './compose.ts'
import type { Settings } from './configuration.ts'
import type { Context } from './context.ts'
import type { Network as NetworkFile } from './network-file.ts'

export interface WorkerParts {
  readonly dataDir: string
  readonly networkFile: NetworkFile
  readonly settings: Settings
  readonly policy: Policy
  readonly operatorKey: Uint8Array
  /** Whom the machine works for, lower case. */
  readonly owner: Hex
  readonly misbehave?: MisbehaveKind
  readonly log: Logger
  readonly metrics: Metrics
}

/** A worker's machine, wired but not started: first the station, then the worker on it. */
export interface WorkerMachine {
  readonly station: Station
  readonly operator: LocalAccount
  readonly capabilities: Capabilities
  readonly worker: Worker
  /** Closes the journal, once the rest is stopped. */
  readonly close: () => Promise<void>
}

const gib = 1_073_741_824
const bindingLifeSeconds = 30 * 86_400
const retentionSeconds = 7 * 86_400
const engineName = 'exact'

/** Wires a worker together. Opens the journal; throws STORE_LOCKED when another process has it. */
export async function composeWorker(context: Context, parts: WorkerParts): Promise<WorkerMachine> {
  const { dataDir, networkFile, settings, log, owner } = parts
  const { clock } = context
  const operator = privateKeyToAccount(toHex(parts.operatorKey))
  const station = await composeStation(context, {
    dataDir,
    networkFile,
    log,
    p2pPort: settings.p2pPort,
    artifactBytesMax: settings.artifactGibMax * gib,
  })
  const { chainId, contracts } = station.access
  const engineId = await exactEngineId()
  const store = await openLevelStore(join(dataDir, 'worker'))
  const worker = createWorker(
    {
      ...station,
      chain: createTransactor(station.access, operator),
      account: operator,
      files: createFiles(join(dataDir, 'jobs')),
      journal: createJournal(store),
      openRunner: () => createRunner(),
      clock,
      log,
      metrics: parts.metrics,
    },
    {
      chainId,
      jobManager: contracts.JobManager,
      self: owner,
      threads: settings.threads,
      times: roundTimesDefault,
      policy: parts.policy,
      engineId,
      retentionSeconds,
      misbehave: parts.misbehave,
    },
  )
  const capabilities = await announce(context, {
    station,
    parts,
    load: () => worker.sessions().length,
  })
  return { station, operator, capabilities, worker, close: () => store.close() }
}

/** The services of a machine in the order in which they start. */
export function machineServices(machine: WorkerMachine): Service {
  return createGroup([machine.station, machine.capabilities])
}

async function announce(
  { clock }: Context,
  facts: { station: Station; parts: WorkerParts; load: () => number },
): Promise<Capabilities> {
  const { station, parts } = facts
  const { settings, policy, log } = parts
  const { chainId } = station.access
  const nowMs = clock.nowMs()
  const expires = Math.floor(nowMs / 1000) + bindingLifeSeconds
  const terms = { chainId, sequence: nowMs, expires }
  const binding = await createBinding(station.network, parts.operatorKey, terms)
  const describe = (): CapabilityClaim => ({
    roles: ['worker'],
    cores: cpus().length,
    memoryBytes: totalmem(),
    gpus: [],
    engines: [engineName],
    taskKinds: settings.jobKinds.split(','),
    pricePerGflopWei: policy.pricePerTeraflopWei / 1000n,
    load: Math.min(1, facts.load() / settings.concurrency),
  })
  const deps = { network: station.network, clock, log }
  return createCapabilities(deps, { chainId, self: { binding, describe } })
}

/** The id of this installation's exact engine. */
async function exactEngineId(): Promise<Hex> {
  const wasm = await readFile(new URL('../compute/exact/kernels.wasm', import.meta.url))
  return engineIdOf(new Uint8Array(wasm))
}
