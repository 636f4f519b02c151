import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, cpuMsOf, residentMibOf, root, startScript, watch } from './child.ts'
import { benchGasLimit } from './genesis.ts'
import { type Rpc, createRpc } from './rpc.ts'

export const peerNames = ['quern', 'hardhat', 'anvil'] as const
export type PeerName = (typeof peerNames)[number]

/** A chain in a process of its own. */
export interface ChainPeer {
  readonly name: PeerName
  readonly version: string
  readonly rpc: Rpc
  /** Processor time of the server so far; 0 where the system does not tell. */
  cpuMs(): number
  /** Resident memory now, in MiB; 0 where the system does not tell. */
  residentMib(): number
  stop(): Promise<void>
}

const anvilVersion = '1.7.1'
const readyMsMax = 120_000

/** Starts a peer that makes a block each second. Throws with what it said where it cannot run here. */
export async function startChainPeer(name: PeerName): Promise<ChainPeer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quern-bench-'))
  const port = await freePort()
  const flags = name === 'quern' ? (process.env.QUERN_BENCH_NODE_FLAGS?.split(' ') ?? []) : []
  const child = name === 'anvil' ? startAnvil(port) : startScript(`${name}-node`, [dataDir], flags)

  async function end(): Promise<void> {
    await child.kill(name === 'quern' ? 'SIGTERM' : 'SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }

  try {
    const rpc = createRpc(`http://127.0.0.1:${name === 'anvil' ? port : await child.line}`)
    const version = await versionOf(rpc)
    return {
      name,
      version,
      rpc,
      cpuMs: () => cpuMsOf(child.pid),
      residentMib: () => residentMibOf(child.pid),
      async stop() {
        rpc.close()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

function startAnvil(port: number): Child {
  const limits = ['--block-time', '1', '--gas-limit', String(benchGasLimit), '--hardfork', 'osaka']
  const child = spawn(anvilBinary(), ['--port', String(port), ...limits, '--silent'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return watch(child, 'anvil')
}

/** The platform's program, from npm: the package's launcher does not pass on how it ended. */
function anvilBinary(): string {
  const folder = join(root, 'node_modules', '.cache', 'quern-bench', 'anvil')
  const platform = `anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const binary = join(folder, 'node_modules', '@foundry-rs', platform, 'bin', 'anvil')
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', '--loglevel=error']
  const wanted = `@foundry-rs/anvil@${anvilVersion}`
  spawnSync('npm', ['install', ...flags, wanted], { cwd: folder, timeout: readyMsMax })
  if (!existsSync(binary)) throw new Error(`anvil ${anvilVersion} is not to be had from npm here`)
  return binary
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** What the server calls itself, as soon as it answers. */
async function versionOf(rpc: Rpc): Promise<string> {
  const endMs = Date.now() + readyMsMax
  for (;;) {
    try {
      return await rpc.call<string>('web3_clientVersion')
    } catch (error) {
      if (Date.now() > endMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
