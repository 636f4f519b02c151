import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { loadScheme } from '#base/crypto/bls/load.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { GenesisInput, GenesisValidator } from '#chain/core/genesis.ts'
import { founderOf, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { type DevelopmentOptions, developmentGenesis } from '#chain/node/development.ts'
import { peerIdOfKeyFile } from '#p2p/peer-key.ts'
import { devChainId } from '#wire/addresses.ts'
import { writeFileAtomic } from './data-dir.ts'
import { devRoles, devValidatorsMax, devWorkersMax } from './dev-roles.ts'
import { exactEngineId } from './exact-engine.ts'
import { keepGenesis, peerKeyFileName } from './genesis-file.ts'
import { devAccount } from './mnemonic.ts'

/** One validator's process: its name is its directory's, `args` is its command line. */
export interface ValidatorPart {
  readonly name: string
  readonly args: readonly string[]
}

/** Twice the least stake, and something for fees. */
const validatorWei = String(2_001n * 10n ** 18n)
const leaderBondCoins = 100
const portsSchema = z.array(z.int().min(1).max(65_535)).max(devValidatorsMax)

/**
 * The genesis of a development chain: its validators and the owners of its workers have seats, and jobs of this
 * engine earn units. All validators but the first lie beyond the funded accounts, and get coin beside their stake.
 */
export async function developmentGenesisOf(
  validators: number,
  options: DevelopmentOptions = {},
): Promise<GenesisInput> {
  const scheme = await loadScheme()
  const genesis = developmentGenesis({ engineId: await exactEngineId(), powEvery: 1, ...options })
  const founders = Array.from({ length: validators }, (_, i) =>
    founderOf(
      scheme,
      validatorKeyOf(devAccount(devRoles.validator(i), devChainId).privateKey),
      devChainId,
    ),
  )
  const isFunded = (of: string) => genesis.accounts.some(({ address }) => address === of)
  const accounts = founders
    .filter(({ address }) => !isFunded(address))
    .map(({ address }) => ({ address, balanceWei: validatorWei }))
  const leaders = Array.from({ length: devWorkersMax }, (_, i) => leaderOf(scheme, i))
  const funded = [...genesis.accounts, ...accounts]
  return { ...genesis, accounts: funded, validators: founders, leaders }
}

/** A worker's owner has the seat; the key is its operator's, which is on the machine. */
function leaderOf(scheme: Scheme, worker: number): GenesisValidator {
  const { address } = devAccount(devRoles.workerOwner(worker), devChainId)
  const { privateKey } = devAccount(devRoles.workerOperator(worker), devChainId)
  const { blsSecret } = validatorKeyOf(privateKey)
  return { ...founderOf(scheme, { address, blsSecret }, devChainId), weight: leaderBondCoins }
}

/** Flags by which a development node makes the blocks that so many workers' units win. */
export function leaderFlags(workers: number): readonly string[] {
  if (workers === 0) return []
  const operators = Array.from({ length: workers }, (_, i) => `dev:${devRoles.workerOperator(i)}`)
  return ['--leader', ...operators]
}

/**
 * Prepares the directories of so many validators: the genesis, a peer key and a port each, which stay the same
 * when the network is started again, so that everybody finds everybody. Throws GENESIS_MISMATCH where the
 * directories hold another chain.
 */
export async function prepareValidators(
  dataDir: string,
  options: DevelopmentOptions & {
    readonly validators: number
    readonly rpcPort: number
    /** Where it is another one than `developmentGenesisOf` gives. */
    readonly genesis?: GenesisInput
  },
): Promise<readonly ValidatorPart[]> {
  const { validators, rpcPort, genesis: given, ...rules } = options
  const genesis = given ?? (await developmentGenesisOf(validators, rules))
  const names = Array.from({ length: validators }, (_, i) => (i === 0 ? 'node' : `node-${i + 1}`))
  const ports = await portsOf(join(dataDir, 'validator-ports.json'), validators)
  const addresses: string[] = []
  for (const [i, name] of names.entries()) {
    const directory = join(dataDir, name)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    keepGenesis(directory, genesis)
    const peerId = await peerIdOfKeyFile(join(directory, peerKeyFileName))
    addresses.push(`/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${peerId}`)
  }
  return names.map((name, i) => {
    const others = addresses.filter((_, other) => other !== i)
    const account = ['--validator', `dev:${devRoles.validator(i)}`]
    const places = ['--p2p-port', String(ports[i]), '--rpc-port', String(i === 0 ? rpcPort : 0)]
    const bootstrap = others.length === 0 ? [] : ['--bootstrap', ...others]
    return { name, args: ['node', 'start', ...account, ...places, ...bootstrap] }
  })
}

/** Ports that were free at the first start, kept in a file. */
async function portsOf(path: string, count: number): Promise<readonly number[]> {
  const known = existsSync(path) ? portsSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) : []
  if (known.length >= count) return known
  const ports = await freePorts(count)
  writeFileAtomic(path, `${JSON.stringify(ports)}\n`)
  return ports
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject)
            server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
          }),
      ),
    )
  } finally {
    for (const server of servers) server.close()
  }
}
