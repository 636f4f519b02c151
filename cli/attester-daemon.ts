import { join } from 'node:path'
import type { Command } from 'commander'
import { createTransactor } from '#chain/client/transactor.ts'
import { createAttester } from '#evaluator/attester.ts'
import { createFiles } from '#store/files.ts'
import { composeObserver } from './compose.ts'
import type { Context } from './context.ts'
import { lockDataDir } from './data-dir.ts'
import { createLogger } from './logger.ts'
import { runMachine } from './machine.ts'
import { createMetricsServer } from './metrics-server.ts'
import { openSigner } from './signer.ts'

/** Answers for validators that are drawn to attest, until it is asked to stop: one process for all accounts given. */
export async function startAttester(context: Context, command: Command): Promise<void> {
  const flags = command.opts<{ account: readonly string[] }>()
  const settings = await context.settings(command)
  const networkFile = await context.network(command)
  const dataDir = context.dataDir()
  const { chainId } = networkFile
  const { clock } = context
  const { passwordFile, p2pPort, artifactGibMax } = settings
  const lock = lockDataDir(dataDir)
  try {
    const signing = { dataDir, chainId, passwordFile }
    const signers = []
    for (const account of flags.account) signers.push(await openSigner({ account, ...signing }))
    const log = createLogger({ name: 'attester', level: settings.logLevel })
    const metrics = createMetricsServer({ port: settings.metricsPort })
    const place = { dataDir, networkFile, log, p2pPort, artifactGibMax }
    const station = await composeObserver(context, place)
    const accounts = signers.map((signer) => createTransactor(station.access, signer))
    const files = createFiles(join(dataDir, 'attested'))
    const work = createAttester({ ...station, accounts, files, clock, log, metrics })
    const machine = { station, services: station, work, close: async () => undefined }
    await runMachine(context, machine, { name: 'attester', metrics, log })
  } finally {
    lock.release()
  }
}
