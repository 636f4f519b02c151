import { join } from 'node:path'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type Service, createGroup } from '#base/service.ts'
import { type JobFeed, type JobFeedOptions, createJobFeed } from '#chain/client/feed.ts'
import { type Registry, createRegistry } from '#chain/client/registry.ts'
import {
  type ChainAccess,
  type Contracts,
  type Transactor,
  createReader,
  marketAbis,
} from '#chain/client/transactor.ts'
import { createArtifacts } from '#p2p/artifacts.ts'
import { type Capabilities, createCapabilities } from '#p2p/capabilities.ts'
import { type JobTopics, createJobTopics } from '#p2p/job-topic.ts'
import type { Artifacts } from '#p2p/network.ts'
import { type Libp2pNetwork, createNetwork } from '#p2p/node.ts'
import type { Context } from './context.ts'
import type { Network as NetworkFile } from './network-file.ts'

/** One machine's place on a chain and its network: what worker, evaluator and client are built on. */
export interface Station extends Service {
  readonly access: ChainAccess
  readonly feed: JobFeed
  readonly reader: Pick<Transactor, 'read'>
  readonly registry: Registry
  readonly network: Libp2pNetwork
  readonly artifacts: Artifacts
  readonly topics: JobTopics
}

/** A station that hears who is there. */
export interface Observer extends Station {
  readonly capabilities: Capabilities
}

export interface StationOptions {
  readonly dataDir: string
  readonly networkFile: NetworkFile
  readonly log: Logger
  readonly p2pPort?: number
  readonly artifactGibMax?: number
}

const gib = 1_073_741_824

/** Wires chain and network together under one data directory. Nothing is started. */
export async function composeStation(context: Context, options: StationOptions): Promise<Station> {
  const { dataDir, networkFile, log } = options
  const { clock, rng } = context
  const access = accessOf(networkFile)
  const { chainId } = access
  const feed = createJobFeed({ clock, log }, feedPlaceOf(access))
  const network = await createNetwork(
    { clock, rng, log },
    {
      listen: [`/ip4/127.0.0.1/tcp/${options.p2pPort ?? 0}`],
      bootstrap: networkFile.bootstrap,
      keyPath: join(dataDir, 'peer.key'),
    },
  )
  const artifacts = createArtifacts(network, {
    directory: dataDir,
    sizeBytesMax: Math.floor((options.artifactGibMax ?? 16) * gib),
    log,
  })
  const topics = createJobTopics({ network, clock, log }, { chainId })
  const reader = createReader(access)
  const registry = createRegistry({ reader, clock })
  const group = createGroup([network, artifacts, topics, feed])
  return { ...group, access, feed, reader, registry, network, artifacts, topics }
}

/** A station that only looks and fetches: it hears who is there and connects to them, and announces nothing. */
export async function composeObserver(
  context: Context,
  options: StationOptions,
): Promise<Observer> {
  const station = await composeStation(context, options)
  const { network, access } = station
  const { clock } = context
  const { chainId } = access
  const capabilities = createCapabilities({ network, clock, log: options.log }, { chainId })
  return { ...station, ...createGroup([station, capabilities]), capabilities }
}

/** Where a feed of jobs listens. */
export function feedPlaceOf({ rpcUrl, chainId, contracts }: ChainAccess): JobFeedOptions {
  return { rpcUrl, chainId, jobManager: contracts.JobManager, workLedger: contracts.WorkLedger }
}

/** How to reach the chain that `network.json` names. Throws NETWORK_FILE_INVALID when a contract is missing. */
export function accessOf(networkFile: NetworkFile): ChainAccess {
  const { rpcUrl, chainId, contracts } = networkFile
  const missing = Object.keys(marketAbis).find((name) => contracts[name] === undefined)
  if (missing !== undefined) {
    throw new AppError({ code: 'NETWORK_FILE_INVALID', reason: `contracts.${missing} is missing` })
  }
  return { rpcUrl, chainId, contracts: contracts as Contracts }
}
