import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromHex, toHex } from '#base/hex.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { buildGenesis } from '#chain/exec/embedded/genesis-state.ts'
import { wordOf } from '#chain/exec/embedded/state-view.ts'
import { type EngineRpc, createEngineRpc } from '#chain/exec/engine-http/rpc.ts'
import { realClock } from '#cli/real-clock.ts'
import { fromKey } from '#store/key.ts'

/** The execution client that the driver is tried on: deprecated, but it installs from npm and runs anywhere. */
export const clientPackage = '@ethereumjs/client@0.10.5'
const root = fileURLToPath(new URL('../../', import.meta.url))
const home = join(root, 'node_modules', '.cache', 'quern-engine-client')
const script = join(home, 'node_modules/@ethereumjs/client/dist/esm/bin/cli.js')

export const isClientInstalled = () => existsSync(script)

/** Installs the client, 240 packages and 111 MB, into a folder of its own; no install script is run. */
export function installClient(): void {
  if (isClientInstalled()) return
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'package.json'), '{"private":true}\n')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', '--loglevel=error']
  const { status, stderr } = spawnSync('npm', ['install', ...flags, clientPackage], {
    cwd: home,
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (status !== 0) throw new Error(`${clientPackage} was not installed: ${stderr}`)
}

/** A running client. */
export interface ClientProcess {
  readonly engine: EngineRpc
  readonly reads: EngineRpc
  readonly engineUrl: string
  readonly jwtSecret: Uint8Array
  stop(): Promise<void>
}

/** The rules of Prague from the first block on; merged before it. */
const forks = {
  ...Object.fromEntries(
    [
      'homestead eip150 eip155 eip158 byzantium constantinople petersburg istanbul berlin london',
      'mergeNetsplit',
    ]
      .join(' ')
      .split(' ')
      .map((name) => [`${name}Block`, 0]),
  ),
  shanghaiTime: 0,
  cancunTime: 0,
  pragueTime: 0,
  terminalTotalDifficulty: 0,
  terminalTotalDifficultyPassed: true,
}

/** A genesis in the form that execution clients share, with the state that ours gives. */
export async function gethGenesisOf(genesis: Genesis): Promise<object> {
  const crypto = await loadCrypto()
  const common = createChainCommon(genesis.chainId, crypto)
  const { payload, changes } = await buildGenesis(genesis, { common, crypto })
  const { header } = payload
  const alloc = [...changes.accounts].map(([address, account]) => {
    const code = account && changes.codes.get(Buffer.from(account.codeHash).toString('latin1'))
    const slots = [...(changes.slots.get(address) ?? [])].map(([slot, word]) => [
      toHex(fromKey(slot)),
      wordOf(word),
    ])
    const entry = {
      balance: `0x${(account?.balance ?? 0n).toString(16)}`,
      nonce: `0x${(account?.nonce ?? 0n).toString(16)}`,
      code: toHex(code ?? new Uint8Array()),
      storage: Object.fromEntries(slots) as object,
    }
    return [toHex(fromKey(address)), entry]
  })
  return {
    config: { chainId: genesis.chainId, ...forks },
    nonce: '0x0000000000000000',
    timestamp: `0x${header.timestamp.toString(16)}`,
    extraData: header.extraData,
    gasLimit: `0x${header.gasLimit.toString(16)}`,
    difficulty: '0x0',
    mixHash: header.prevRandao,
    coinbase: header.feeRecipient,
    baseFeePerGas: `0x${header.baseFeePerGas.toString(16)}`,
    alloc: Object.fromEntries(alloc) as object,
  }
}

/** Starts the client on a directory and waits until its Engine API answers. */
export async function startClient(dataDir: string, genesis: Genesis): Promise<ClientProcess> {
  mkdirSync(dataDir, { recursive: true })
  const place = (name: string) => join(dataDir, name)
  writeFileSync(place('genesis.json'), JSON.stringify(await gethGenesisOf(genesis)))
  const jwtSecret = fromHex('5a'.repeat(32))
  writeFileSync(place('jwt.hex'), `0x${'5a'.repeat(32)}`)
  const [rpcPort, enginePort, port] = await Promise.all([freePort(), freePort(), freePort()])
  const flags = {
    gethGenesis: place('genesis.json'),
    dataDir: place('data'),
    jwtSecret: place('jwt.hex'),
    rpc: 'true',
    rpcPort,
    rpcEngine: 'true',
    rpcEnginePort: enginePort,
    port,
    sync: 'none',
    isSingleNode: 'true',
    logFile: 'false',
    discDns: 'false',
    discV4: 'false',
    maxPeers: 0,
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(process.execPath, [script, ...args], {
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const hear = (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-4_096))
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const engineUrl = `http://127.0.0.1:${enginePort}`
  const engine = createEngineRpc(realClock, { url: engineUrl, jwtSecret })
  const reads = createEngineRpc(realClock, { url: `http://127.0.0.1:${rpcPort}` })
  const isUp = () =>
    Promise.all([engine.call('engine_exchangeCapabilities', [[]]), reads.call('eth_chainId', [])])
  for (let tries = 0; child.exitCode === null && tries < 480; tries += 1) {
    const answers = await isUp().catch(() => undefined)
    if (answers !== undefined) {
      const stop = async () => {
        child.kill('SIGKILL')
        await ended
      }
      return { engine, reads, engineUrl, jwtSecret, stop }
    }
    await realClock.sleep(250)
  }
  child.kill('SIGKILL')
  throw new Error(`the client did not start: ${said}`)
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
