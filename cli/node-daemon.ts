import { join } from 'node:path'
import type { Command } from 'commander'
import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type Service, createGroup } from '#base/service.ts'
import { developmentGenesis } from '#chain/node/development.ts'
import { type ChainNode, createChainNode } from '#chain/node/node.ts'
import { createCapabilities } from '#p2p/capabilities.ts'
import { type Libp2pNetwork, createNetwork } from '#p2p/node.ts'
import { devChainId, systemAddresses } from '#wire/addresses.ts'
import { tellParent } from './children.ts'
import { type Settings, settingRows } from './configuration.ts'
import type { Context } from './context.ts'
import { lockDataDir } from './data-dir.ts'
import { devRoles } from './dev-roles.ts'
import { createLogger } from './logger.ts'
import { createMetricsServer } from './metrics-server.ts'
import { devAccount } from './mnemonic.ts'
import { type Network as NetworkFile, writeNetworkFile } from './network-file.ts'
import { untilStopped } from './stopping.ts'

/** Runs a node of the development chain until it is asked to stop; writes `network.json` when it listens. */
export async function startNode(context: Context, command: Command): Promise<void> {
  const dataDir = context.dataDir()
  const lock = lockDataDir(dataDir)
  try {
    const settings = await context.settings(command)
    const log = createLogger({ name: 'node', level: settings.logLevel })
    const failing = new AbortController()
    const onFailure = (error: unknown) => failing.abort(error)
    const chain = await startChain({ context, log, dataDir, onFailure }, settings)
    const peer = await createPeer(context, { dataDir, log, port: settings.p2pPort })
    const metrics = createMetricsServer({ port: settings.metricsPort })
    const services = createGroup([metrics, peer.service])
    try {
      await services.start()
      const networkFile = networkFileOf(chain, peer.network)
      writeNetworkFile(dataDir, networkFile)
      log.info({ ...networkFile }, 'node is ready')
      tellParent({ kind: 'ready', network: networkFile })
      await untilStopped(AbortSignal.any([context.stopping, failing.signal]))
    } finally {
      await services.stop()
      await chain.stop()
    }
    if (failing.signal.aborted) throw failing.signal.reason
  } finally {
    lock.release()
  }
}

interface ChainStart {
  readonly context: Context
  readonly log: Logger
  readonly dataDir: string
  readonly onFailure: (error: unknown) => void
}

/** Starts on the wanted port, or on any free one when the default is taken. */
async function startChain(start: ChainStart, settings: Settings): Promise<ChainNode> {
  const isDefault = settings.rpcPort === settingRows.rpcPort.default
  try {
    return await startChainAt(start, settings.rpcPort)
  } catch (error) {
    if (!isDefault || codeOf(error) !== 'PORT_TAKEN') throw error
    start.log.info({ port: settings.rpcPort }, 'port is taken, any free one is used')
    return startChainAt(start, 0)
  }
}

async function startChainAt(start: ChainStart, port: number): Promise<ChainNode> {
  const { context, log, dataDir, onFailure } = start
  const chain = createChainNode(
    { clock: context.clock, logger: log },
    {
      dataDir,
      port,
      genesis: developmentGenesis(),
      validatorKey: devAccount(devRoles.validator, devChainId).privateKey,
      onFailure,
    },
  )
  await chain.start()
  return chain
}

async function createPeer(
  context: Context,
  options: { dataDir: string; log: Logger; port: number },
): Promise<{ network: Libp2pNetwork; service: Service }> {
  const { clock, rng } = context
  const { dataDir, log, port } = options
  const network = await createNetwork(
    { clock, rng, log },
    { listen: [`/ip4/127.0.0.1/tcp/${port}`], keyPath: join(dataDir, 'peer.key') },
  )
  const capabilities = createCapabilities({ network, clock, log }, { chainId: devChainId })
  return { network, service: createGroup([network, capabilities]) }
}

function networkFileOf(chain: ChainNode, peer: Libp2pNetwork): NetworkFile {
  const [address] = peer.addresses
  if (address === undefined) throw new AppError({ code: 'P2P_NOT_LISTENING' })
  return {
    chainId: devChainId,
    rpcUrl: `http://127.0.0.1:${chain.port()}`,
    wsUrl: `ws://127.0.0.1:${chain.port()}`,
    bootstrap: [...peer.addresses],
    contracts: systemAddresses,
  }
}
