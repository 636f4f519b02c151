import type { Command } from 'commander'
import { type SealKeys, sealKeysOf } from '#base/crypto/seal.ts'
import { isPrivateKey } from '#base/crypto/keys.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { utf8 } from '#base/bytes.ts'
import { codeOf } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { roles } from '#chain/client/registry.ts'
import { type Transactor, createTransactor } from '#chain/client/transactor.ts'
import { evaluatorLieOf } from '#evaluator/misbehave.ts'
import type { Hex } from '#wire/primitives.ts'
import { findAccount, loadAccount, saveAccount } from './accounts.ts'
import { ensureBonds } from './bonds.ts'
import { composeEvaluator } from './compose-evaluator.ts'
import type { Context } from './context.ts'
import { lockDataDir } from './data-dir.ts'
import { type ConsentRecord, ensureRegistered, ensureStake } from './enrol.ts'
import { trainToWei } from './job/terms.ts'
import { createLogger } from './logger.ts'
import { type OwnedMachine, runMachine } from './machine.ts'
import { createMetricsServer } from './metrics-server.ts'
import { readPassword } from './password.ts'
import { openKey, openSigner } from './signer.ts'

interface StartFlags {
  readonly owner: string
  readonly operator: string
  readonly stake?: string
  readonly misbehave?: string
}

/** Name of the keystore file whose key opens what clients seal to this evaluator. */
const sealingName = 'sealing'

/** Runs an evaluator until it is asked to stop. Everything that can be wrong with keys is found first. */
export async function startEvaluator(context: Context, command: Command): Promise<void> {
  const flags = command.opts<StartFlags>()
  const settings = await context.settings(command)
  const networkFile = await context.network(command)
  const dataDir = context.dataDir()
  const { chainId } = networkFile
  const misbehave =
    flags.misbehave === undefined ? undefined : evaluatorLieOf(flags.misbehave, chainId)
  const lock = lockDataDir(dataDir)
  try {
    const signing = { dataDir, chainId, passwordFile: settings.passwordFile }
    const operatorKey = await openKey({ account: flags.operator, ...signing })
    const owner = await openSigner({ account: flags.owner, ...signing })
    const sealKeys = await openSealKeys(context, { ...signing, ...flags, operatorKey })
    const log = createLogger({ name: 'evaluator', level: settings.logLevel })
    const metrics = createMetricsServer({ port: settings.metricsPort })
    const parts = { dataDir, networkFile, settings, operatorKey, sealKeys, misbehave, log, metrics }
    const ownerAddress = owner.address.toLowerCase() as Hex
    const machine = await composeEvaluator(context, {
      ...parts,
      owner: ownerAddress,
      payer: owner,
    })
    const transactor = createTransactor(machine.station.access, owner)
    const enrolling = { transactor, sealKeys, stake: flags.stake, log }
    await runMachine(context, machine, {
      name: 'evaluator',
      metrics,
      log,
      enrol: async () => {
        const { access } = machine.station
        const bonds = { access, amountWei: trainToWei(settings.disputeBond), log }
        await Promise.all([
          enrol(machine, enrolling),
          ensureBonds(transactor, createTransactor(access, machine.operator), bonds),
        ])
      },
    })
  } finally {
    lock.release()
  }
}

/**
 * The X25519 keys of this evaluator: from `keystore/sealing.json`, which is made at the first start under the
 * keystore's password. A development operator has none, so that its keys follow from its own.
 */
async function openSealKeys(
  context: Context,
  options: { dataDir: string; operator: string; passwordFile: string; operatorKey: Uint8Array },
): Promise<SealKeys> {
  const { dataDir, passwordFile, operatorKey } = options
  if (options.operator.startsWith('dev:')) {
    return sealKeysOf(sha256(utf8('quern/dev-sealing/1'), operatorKey))
  }
  const password = await readPassword({ passwordFile })
  try {
    findAccount(dataDir, sealingName)
  } catch (error) {
    if (codeOf(error) !== 'ACCOUNT_MISSING') throw error
    const privateKey = freshKey(context)
    await saveAccount(dataDir, { name: sealingName, privateKey, password })
  }
  return sealKeysOf(await loadAccount(dataDir, { name: sealingName, password }))
}

/** 32 random bytes that a keystore file takes. */
function freshKey({ randomBytes }: Context): Uint8Array {
  for (;;) {
    const key = randomBytes(32)
    if (isPrivateKey(key)) return key
  }
}

async function enrol(
  machine: OwnedMachine,
  facts: { transactor: Transactor; sealKeys: SealKeys; stake: string | undefined; log: Logger },
): Promise<void> {
  const { transactor, sealKeys, stake, log } = facts
  const { station, operator } = machine
  const { access, network } = station
  if (stake !== undefined) await ensureStake(transactor, access, trainToWei(stake))
  const known = await transactor.read<{ consent: ConsentRecord }>('WorkerRegistry', 'entryOf', [
    transactor.address,
  ])
  await ensureRegistered(
    {
      owner: transactor,
      operator,
      roles: roles.evaluator,
      x25519Key: toHex(sealKeys.publicKey),
      peerId: network.peerId,
      consent: known.consent, // what the owner consents to as a worker stays
    },
    { access, log },
  )
}
