import type { Command } from 'commander'
import type { Clock } from '#base/clock.ts'
import type { Rng } from '#base/rng.ts'
import type { Settings } from './configuration.ts'
import { dataDirOf, makeDataDir } from './data-dir.ts'
import type { Network } from './network-file.ts'
import { type Output, createOutput } from './output.ts'
import { randomBytes, realRng } from './real-chance.ts'
import { realClock } from './real-clock.ts'
import { stoppingSignal } from './stopping.ts'

/** What every command gets: the only door to argv, environment, clock, chance and output. */
export interface Context {
  readonly output: Output
  readonly clock: Clock
  readonly rng: Rng
  readonly randomBytes: (size: number) => Uint8Array<ArrayBuffer>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborts when this process is asked to end. */
  readonly stopping: AbortSignal
  /** The data directory, created if need be. */
  dataDir(): string
  /** The checked settings of a command: its flags, the environment, quern.config.json, defaults. */
  settings(command: Command): Promise<Settings>
  /** `network.json` of the data directory; `rpcUrl` as the settings say. */
  network(command: Command): Promise<Network>
  /**
   * The same for commands that sign nothing: where there is no `network.json`, what the node at `rpcUrl` tells. The
   * peers of `--bootstrap` come first.
   */
  networkToRead(command: Command): Promise<Network>
}

/** What a file in `cli/commands/` exports: adds its command to the program. Heavy imports go into actions. */
export type Register = (program: Command, context: Context) => void

interface GlobalFlags {
  readonly json?: boolean
  readonly dataDir?: string
}

/** Creates the context of a program; its global flags are read when asked for, after parsing. */
export function createContext(program: Command): Context {
  const flags = () => program.opts<GlobalFlags>()
  const environment = process.env
  const streams = { out: process.stdout, err: process.stderr }

  function dataDir(): string {
    const chosen = dataDirOf(flags().dataDir, environment)
    makeDataDir(chosen)
    return chosen
  }

  async function settings(command: Command): Promise<Settings> {
    const { readSettings } = await import('./configuration.ts')
    return readSettings({ dataDir: dataDir(), environment, flags: command.opts() })
  }

  async function network(command: Command): Promise<Network> {
    const { readNetworkFile } = await import('./network-file.ts')
    const { rpcUrl } = await settings(command)
    const known = readNetworkFile(dataDir())
    return rpcUrl === '' ? known : { ...known, rpcUrl }
  }

  async function networkToRead(command: Command): Promise<Network> {
    const { hasNetworkFile } = await import('./network-file.ts')
    const { rpcUrl } = await settings(command)
    const { bootstrap = [] } = command.opts<{ bootstrap?: readonly string[] }>()
    if (rpcUrl === '' || hasNetworkFile(dataDir())) {
      const known = await network(command)
      return { ...known, bootstrap: [...bootstrap, ...known.bootstrap] }
    }
    const { networkOfNode } = await import('./network-of-node.ts')
    return { ...(await networkOfNode(rpcUrl)), bootstrap: [...bootstrap] }
  }

  return {
    output: createOutput(streams, () => flags().json === true),
    clock: realClock,
    rng: realRng,
    randomBytes,
    environment,
    stopping: stoppingSignal(),
    dataDir,
    settings,
    network,
    networkToRead,
  }
}
