import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { noopLogger } from '#base/log.ts'
import { type JobFeed, createJobFeed } from '#chain/client/feed.ts'
import { accessOf, feedPlaceOf, type Station, composeObserver } from '../compose.ts'
import { type Client, composeClient } from '../compose-client.ts'
import type { Context } from '../context.ts'
import { lockDataDir } from '../data-dir.ts'

/** Runs something with an account that pays, in `client/` of the data directory. Throws DATA_DIR_LOCKED. */
export async function withClient<T>(
  context: Context,
  command: Command,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const networkFile = await context.network(command)
  const { passwordFile, artifactGibMax } = await context.settings(command)
  const { account } = command.opts<{ account?: string }>()
  const home = context.dataDir()
  const dataDir = join(home, 'client')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const lock = lockDataDir(dataDir)
  try {
    const options = {
      dataDir,
      keystoreDir: home,
      networkFile,
      log: noopLogger,
      account,
      passwordFile,
      artifactGibMax,
    }
    const client = await composeClient(context, options)
    return await running(client, use)
  } finally {
    lock.release()
  }
}

/** Runs something that only looks: a station without an account, in a directory that goes away afterwards. */
export async function withStation<T>(
  context: Context,
  command: Command,
  use: (station: Station, dataDir: string) => Promise<T>,
): Promise<T> {
  const networkFile = await context.networkToRead(command)
  const dataDir = mkdtempSync(join(tmpdir(), 'quern-'))
  try {
    const station = await composeObserver(context, { dataDir, networkFile, log: noopLogger })
    return await running(station, (started) => use(started, dataDir))
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Runs something that needs the chain alone. */
export async function withFeed<T>(
  context: Context,
  command: Command,
  use: (feed: JobFeed) => Promise<T>,
): Promise<T> {
  const place = feedPlaceOf(accessOf(await context.networkToRead(command)))
  return running(createJobFeed({ clock: context.clock, log: noopLogger }, place), use)
}

async function running<S extends { start(): Promise<void>; stop(): Promise<void> }, T>(
  service: S,
  use: (service: S) => Promise<T>,
): Promise<T> {
  try {
    await service.start()
    return await use(service)
  } finally {
    await service.stop()
  }
}
