import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { AppError, codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { createGroup } from '#base/service.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import type { ExecutionClient } from '#chain/exec/engine-http/connect.ts'
import { parseJwtSecret } from '#chain/exec/engine-http/jwt.ts'
import { type ChainNode, createChainNode } from '#chain/node/node.ts'
import { createCapabilities } from '#p2p/capabilities.ts'
import type { Network } from '#p2p/network.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { tellParent } from './children.ts'
import { type Settings, settingRows } from './configuration.ts'
import type { Context } from './context.ts'
import { convictingOf } from './convicting.ts'
import { lockDataDir } from './data-dir.ts'
import { devRoles } from './dev-roles.ts'
import { peerKeyFileName, readGenesisFile } from './genesis-file.ts'
import { developmentGenesisOf } from './local-validators.ts'
import { createLogger } from './logger.ts'
import { createMetricsServer } from './metrics-server.ts'
import { type Network as NetworkFile, readNetworkFileAt, writeNetworkFile } from './network-file.ts'
import { createPeerThread } from './peer-thread.ts'
import { openKey } from './signer.ts'
import { untilStopped } from './stopping.ts'

/** Runs a node until it is asked to stop; writes `network.json` when it listens. */
export async function startNode(context: Context, command: Command): Promise<void> {
  const dataDir = context.dataDir()
  const lock = lockDataDir(dataDir)
  try {
    const settings = await context.settings(command)
    const log = createLogger({ name: 'node', level: settings.logLevel })
    const failing = new AbortController()
    const onFailure = (error: unknown) => failing.abort(error)
    const place = await placeOf({ dataDir, settings, flags: command.opts<NodeFlags>() })
    const { bootstrap } = place
    const network = await createPeerThread({
      log,
      bootstrap,
      onFailure,
      listen: [`/ip4/127.0.0.1/tcp/${settings.p2pPort}`],
      keyPath: join(dataDir, peerKeyFileName),
    })
    const start = { context, log, dataDir, onFailure, network, ...place }
    await network.start()
    try {
      await runNode(start, settings, failing.signal)
    } finally {
      await network.stop()
    }
    if (failing.signal.aborted) throw failing.signal.reason
  } finally {
    lock.release()
  }
}

/** Flags of `quern node start` beside the settings. */
export interface NodeFlags {
  readonly validator?: string
  readonly leader?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly trust?: string
  readonly archive?: boolean
  readonly engine?: string
  readonly jwt?: string
}

interface NodePlace {
  readonly genesis: GenesisInput
  readonly validatorKey: Uint8Array | undefined
  readonly leaderKeys: readonly Uint8Array[]
  readonly bootstrap: readonly string[]
  readonly trust: Hex | undefined
  readonly archive: boolean
  readonly execution: ExecutionClient | undefined
}

/** The chain of the data directory, and who this node is on it: on the development chain its one validator. */
async function placeOf(options: {
  readonly dataDir: string
  readonly settings: Settings
  readonly flags: NodeFlags
}): Promise<NodePlace> {
  const { dataDir, settings, flags } = options
  const stored = readGenesisFile(dataDir)
  const genesis = stored ?? (await developmentGenesisOf(1))
  const { chainId } = genesis
  const account = flags.validator ?? (stored === undefined ? `dev:${devRoles.validator(0)}` : '')
  const { passwordFile } = settings
  const keyOf = (name: string) => openKey({ account: name, dataDir, chainId, passwordFile })
  const validatorKey = account === '' ? undefined : await keyOf(account)
  const leaderKeys: Uint8Array[] = []
  for (const leader of flags.leader ?? []) leaderKeys.push(await keyOf(leader))
  const { bootstrap = [], archive = false } = flags
  const trust = flags.trust === undefined ? undefined : trustOf(flags.trust)
  const execution = executionOf(flags)
  return { genesis, validatorKey, leaderKeys, bootstrap, archive, trust, execution }
}

/** The client that judges blocks too. Throws ENGINE_FLAGS, JWT_SECRET_INVALID. */
function executionOf({ engine: url, jwt: path }: NodeFlags): ExecutionClient | undefined {
  if (url === undefined && path === undefined) return undefined
  if (url === undefined || path === undefined || !URL.canParse(url)) {
    const message = '--engine <url> and --jwt <file> belong together'
    throw new AppError({ code: 'ENGINE_FLAGS', engine: url, jwt: path, message })
  }
  if (!existsSync(path)) {
    throw new AppError({ code: 'JWT_SECRET_INVALID', path, message: `there is no file ${path}` })
  }
  return { url, jwtSecret: parseJwtSecret(readFileSync(path, 'utf8')) }
}

/** The hash that the user believes in. Throws TRUST_INVALID, or as `readNetworkFileAt`. */
function trustOf(text: string): Hex {
  const hash = text.toLowerCase()
  if (/^0x[0-9a-f]{64}$/.test(hash)) return hash as Hex
  const { checkpoint } = readNetworkFileAt(text)
  if (checkpoint !== undefined) return checkpoint
  throw new AppError({ code: 'TRUST_INVALID', path: text, reason: 'the file names no checkpoint' })
}

/** Starts the chain on a network that runs; returns when it is asked to stop or cannot go on. */
async function runNode(start: ChainStart, settings: Settings, failing: AbortSignal): Promise<void> {
  const { context, log, network, genesis, dataDir } = start
  const chain = await startChain(start, settings)
  const { clock } = context
  const { chainId } = genesis
  const capabilities = createCapabilities({ network, clock, log }, { chainId })
  const metrics = createMetricsServer({ port: settings.metricsPort })
  const services = createGroup([metrics, capabilities])
  try {
    await services.start()
    const networkFile = networkFileOf(chain, network, chainId)
    writeNetworkFile(dataDir, networkFile)
    log.info({ ...networkFile }, 'node is ready')
    tellParent({ kind: 'ready', network: networkFile })
    await untilStopped(AbortSignal.any([context.stopping, failing]))
  } finally {
    await services.stop()
    await chain.stop()
  }
}

interface ChainStart extends NodePlace {
  readonly network: Network
  readonly context: Context
  readonly log: Logger
  readonly dataDir: string
  readonly onFailure: (error: unknown) => void
}

/** Starts on the wanted port, or on any free one when the default is taken. */
async function startChain(start: ChainStart, settings: Settings): Promise<ChainNode> {
  const isDefault = settings.rpcPort === settingRows.rpcPort.default
  try {
    return await startChainAt(start, settings, settings.rpcPort)
  } catch (error) {
    if (!isDefault || codeOf(error) !== 'PORT_TAKEN') throw error
    start.log.info({ port: settings.rpcPort }, 'port is taken, any free one is used')
    return startChainAt(start, settings, 0)
  }
}

async function startChainAt(
  start: ChainStart,
  { keepBlocks }: Settings,
  port: number,
): Promise<ChainNode> {
  const { context, log, dataDir, onFailure, genesis, network, trust, archive } = start
  const { validatorKey, leaderKeys, execution } = start
  const chain = createChainNode(
    { clock: context.clock, logger: log },
    {
      dataDir,
      port,
      genesis,
      validatorKey,
      leaderKeys,
      network,
      trust,
      archive,
      execution,
      keepBlocks,
      onFailure,
      onConviction: convictingOf(start, () => chain.port()),
    },
  )
  const stop = () => void chain.stop().catch(() => undefined) // the start fails and says why
  context.stopping.addEventListener('abort', stop, { once: true })
  await chain.start().finally(() => context.stopping.removeEventListener('abort', stop))
  return chain
}

function networkFileOf(chain: ChainNode, peer: Network, chainId: number): NetworkFile {
  const [address] = peer.addresses
  if (address === undefined) throw new AppError({ code: 'P2P_NOT_LISTENING' })
  return {
    chainId,
    rpcUrl: `http://127.0.0.1:${chain.port()}`,
    wsUrl: `ws://127.0.0.1:${chain.port()}`,
    bootstrap: [...peer.addresses],
    contracts: systemAddresses,
    genesisRoot: chain.genesisRoot(),
    checkpoint: chain.checkpoint(),
  }
}
