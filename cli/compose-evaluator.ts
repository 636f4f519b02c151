import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import type { LocalAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { SealKeys } from '#base/crypto/seal.ts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import { type Service, createGroup } from '#base/service.ts'
import { createOperators } from '#chain/client/operators.ts'
import { createTransactor } from '#chain/client/transactor.ts'
import { createRunner } from '#compute/runner-process.ts'
import { createJournal } from '#evaluator/journal.ts'
import { type Evaluator, createEvaluator } from '#evaluator/loop.ts'
import { createBinding } from '#p2p/binding.ts'
import { type Capabilities, createCapabilities } from '#p2p/capabilities.ts'
import type { CapabilityClaim } from '#p2p/capability.ts'
import { createFiles } from '#store/files.ts'
import { openLevelStore } from '#store/level.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Station, composeStation } from './compose.ts'
import type { Settings } from './configuration.ts'
import type { Context } from './context.ts'
import type { Network as NetworkFile } from './network-file.ts'

export interface EvaluatorParts {
  readonly dataDir: string
  readonly networkFile: NetworkFile
  readonly settings: Settings
  readonly operatorKey: Uint8Array
  /** X25519 keys to which clients seal held-out keys. */
  readonly sealKeys: SealKeys
  /** Whom the machine works for, lower case. */
  readonly owner: Hex
  readonly log: Logger
  readonly metrics: Metrics
}

/** An evaluator's machine, wired but not started: first its services, then the evaluator on them. */
export interface EvaluatorMachine {
  readonly station: Station
  readonly operator: LocalAccount
  readonly services: Service
  readonly evaluator: Evaluator
  /** Closes the journal, once the rest is stopped. */
  readonly close: () => Promise<void>
}

const gib = 1_073_741_824
/** An evaluator cannot refuse a draw, and mostly waits for others. */
const concurrencyMin = 4
const bindingLifeSeconds = 30 * 86_400
const retentionSeconds = 7 * 86_400

/** Wires an evaluator together. Opens the journal; throws STORE_LOCKED when another process has it. */
export async function composeEvaluator(
  context: Context,
  parts: EvaluatorParts,
): Promise<EvaluatorMachine> {
  const { dataDir, networkFile, settings, log, owner, metrics } = parts
  const { clock, randomBytes } = context
  const operator = privateKeyToAccount(toHex(parts.operatorKey))
  const station = await composeStation(context, {
    dataDir,
    networkFile,
    log,
    p2pPort: settings.p2pPort,
    artifactBytesMax: settings.artifactGibMax * gib,
  })
  const { access } = station
  const store = await openLevelStore(join(dataDir, 'evaluator'))
  const evaluator = createEvaluator(
    {
      ...station,
      chain: createTransactor(access, operator),
      operators: createOperators(access),
      files: createFiles(join(dataDir, 'jobs')),
      journal: createJournal(store),
      openRunner: () => createRunner(),
      clock,
      randomBytes,
      log,
      metrics,
    },
    {
      chainId: access.chainId,
      jobManager: access.contracts.JobManager,
      owner,
      sealKey: parts.sealKeys.privateKey,
      threads: settings.threads,
      concurrency: Math.max(settings.concurrency, concurrencyMin),
      retentionSeconds,
    },
  )
  const capabilities = await announce(context, { station, parts, evaluator })
  const services = createGroup([station, capabilities])
  return { station, operator, services, evaluator, close: () => store.close() }
}

/** Tells the peers that this one is an evaluator, so that others find its artifacts. */
async function announce(
  { clock }: Context,
  { station, parts, evaluator }: { station: Station; parts: EvaluatorParts; evaluator: Evaluator },
): Promise<Capabilities> {
  const { log } = parts
  const { chainId } = station.access
  const nowMs = clock.nowMs()
  const expires = Math.floor(nowMs / 1000) + bindingLifeSeconds
  const terms = { chainId, sequence: nowMs, expires }
  const binding = await createBinding(station.network, parts.operatorKey, terms)
  const describe = (): CapabilityClaim => ({
    roles: ['evaluator'],
    cores: cpus().length,
    memoryBytes: totalmem(),
    gpus: [],
    engines: ['exact'],
    taskKinds: [],
    pricePerGflopWei: 0n,
    load: Math.min(1, evaluator.working().length / concurrencyMin),
  })
  const deps = { network: station.network, clock, log }
  return createCapabilities(deps, { chainId, self: { binding, describe } })
}
