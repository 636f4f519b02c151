import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromHex } from '#base/hex.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import { clientGenesisOf } from '#chain/exec/engine-http/client-genesis.ts'
import { type EngineRpc, createEngineRpc } from '#chain/exec/engine-http/rpc.ts'
import { realClock } from '#cli/real-clock.ts'

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
  /** Answers nothing any more, as a machine that hangs. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** Starts the client on a directory and waits until its Engine API answers. */
export async function startClient(dataDir: string, genesis: Genesis): Promise<ClientProcess> {
  mkdirSync(dataDir, { recursive: true })
  const place = (name: string) => join(dataDir, name)
  writeFileSync(place('genesis.json'), JSON.stringify(await clientGenesisOf(genesis)))
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
      const pause = () => void child.kill('SIGSTOP')
      const resume = () => void child.kill('SIGCONT')
      return { engine, reads, engineUrl, jwtSecret, pause, resume, stop }
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
