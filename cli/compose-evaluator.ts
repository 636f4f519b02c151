import { join } from 'node:path'
import type { LocalAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { SealKeys } from '#base/crypto/seal.ts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import { createGroup } from '#base/service.ts'
import { createDisputes } from '#chain/client/dispute/disputes.ts'
import { createOperators } from '#chain/client/operators.ts'
import { signTyped } from '#chain/client/typed.ts'
import { createTransactor } from '#chain/client/transactor.ts'
import { createRunner } from '#compute/runner-process.ts'
import { createJournal } from '#evaluator/journal.ts'
import { createEvaluator } from '#evaluator/loop.ts'
import type { EvaluatorLie } from '#evaluator/misbehave.ts'
import { createFiles } from '#store/files.ts'
import { openLevelStore } from '#store/level.ts'
import type { Hex } from '#wire/primitives.ts'
import { announce } from './announce.ts'
import { ensureBonds } from './bonds.ts'
import { composeStation } from './compose.ts'
import type { Settings } from './configuration.ts'
import type { Context } from './context.ts'
import { trainToWei } from './job/terms.ts'
import type { OwnedMachine } from './machine.ts'
import type { Network as NetworkFile } from './network-file.ts'

export interface EvaluatorParts {
  readonly dataDir: string
  readonly networkFile: NetworkFile
  readonly settings: Settings
  readonly operatorKey: Uint8Array
  /** Pays bonds that the operator lacks. */
  readonly payer: LocalAccount
  /** X25519 keys to which clients seal held-out keys. */
  readonly sealKeys: SealKeys
  /** Whom the machine works for, lower case. */
  readonly owner: Hex
  readonly misbehave?: EvaluatorLie | undefined
  readonly log: Logger
  readonly metrics: Metrics
}

/** An evaluator cannot refuse a draw, and mostly waits for others. */
const concurrencyMin = 4
const retentionSeconds = 7 * 86_400

/** Wires an evaluator together. Opens the journal; throws STORE_LOCKED when another process has it. */
export async function composeEvaluator(
  context: Context,
  parts: EvaluatorParts,
): Promise<OwnedMachine> {
  const { dataDir, networkFile, settings, log, owner, metrics } = parts
  const { clock, randomBytes } = context
  const operator = privateKeyToAccount(toHex(parts.operatorKey))
  const station = await composeStation(context, {
    dataDir,
    networkFile,
    log,
    p2pPort: settings.p2pPort,
    artifactGibMax: settings.artifactGibMax,
  })
  const { access } = station
  const store = await openLevelStore(join(dataDir, 'evaluator'))
  const chain = createTransactor(access, operator)
  const payer = createTransactor(access, parts.payer)
  const evaluator = createEvaluator(
    {
      ...station,
      chain,
      ...(trainToWei(settings.disputeBond) > 0n && {
        disputes: createDisputes(access, chain),
        putUpBonds: (amountWei: bigint) => ensureBonds(payer, chain, { access, amountWei, log }),
      }),
      operators: createOperators(access),
      files: createFiles(join(dataDir, 'jobs')),
      journal: createJournal(store),
      openRunner: () => createRunner(),
      clock,
      sign: (typed) =>
        signTyped(
          operator,
          { chainId: access.chainId, jobManager: access.contracts.JobManager },
          typed,
        ),
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
      misbehave: parts.misbehave,
      concurrency: Math.max(settings.concurrency, concurrencyMin),
      retentionSeconds,
      hasCourt: access.contracts.WorkLedger !== undefined,
    },
  )
  const capabilities = await announce(context, station, {
    operatorKey: parts.operatorKey,
    log,
    claim: () => ({
      roles: ['evaluator'], // so that others find its artifacts
      taskKinds: [],
      pricePerGflopWei: 0n,
      load: Math.min(1, evaluator.working().length / concurrencyMin),
    }),
  })
  const services = createGroup([station, capabilities])
  return { station, operator, services, work: evaluator, close: () => store.close() }
}
