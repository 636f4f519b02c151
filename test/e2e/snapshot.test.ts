import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Child, spawnQuern } from '#cli/children.ts'
import { keepGenesis } from '#cli/genesis-file.ts'
import { developmentGenesisOf } from '#cli/local-validators.ts'
import type { Network } from '#cli/network-file.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { call, scratchDir } from './chain-process.ts'
import { type FastChain, startFastChain } from './fast-chain.ts'
import { heightOf, until } from './validators.ts'

const height = 400
const early = 40
let scratch: Awaited<ReturnType<typeof scratchDir>>
let source: FastChain

beforeAll(async () => {
  scratch = await scratchDir()
  source = await startFastChain(join(scratch.path, 'source'), { height, speed: 60 })
}, 300_000)
afterAll(async () => {
  await source?.stop()
  await scratch?.remove()
})

function readyOf(message: unknown): Network | undefined {
  const said = message as { readonly kind?: string; readonly network?: Network }
  return said.kind === 'ready' ? said.network : undefined
}

/** A node without a key on a directory of its own. */
async function spawn(name: string, extra: readonly string[]): Promise<readonly [Child]> {
  const dataDir = join(scratch.path, name)
  mkdirSync(dataDir, { recursive: true })
  keepGenesis(dataDir, await developmentGenesisOf(1))
  const ports = ['--rpc-port', '0', '--p2p-port', '0', '--bootstrap', source.address]
  const args = ['--data-dir', dataDir, 'node', 'start', ...ports, ...extra]
  return [spawnQuern({ name, args, logDir: join(scratch.path, 'logs') })]
}

/** Waits until it listens. */
async function start(name: string, extra: readonly string[]): Promise<[Child, Network]> {
  const [child] = await spawn(name, extra)
  return [child, await child.waitFor(readyOf, { timeoutMs: 240_000 })]
}

async function resultOf(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const { result, error } = await call(url, method, params)
  if (error !== undefined) throw new Error(error.message)
  return result
}

const hex = (value: number) => `0x${value.toString(16)}`
const receiver = (i: number) => `0x${(0x5eed0000 + i).toString(16).padStart(40, '0')}`

/** What both nodes say of accounts and words at a height; it must be the same, down to the proofs. */
async function compareAt(url: string, at: number): Promise<void> {
  const slot = `0x${'00'.repeat(32)}`
  const questions: [string, unknown[]][] = [
    ['eth_getBalance', [receiver(3), hex(at)]],
    ['eth_getProof', [receiver(5), [], hex(at)]],
    ...Object.values(systemAddresses).map((address): [string, unknown[]] => [
      'eth_getProof',
      [address, [slot], hex(at)],
    ]),
    ['eth_getCode', [systemAddresses.JobManager, hex(at)]],
    ['eth_getBlockByNumber', [hex(at), true]],
  ]
  for (const [method, params] of questions) {
    const [ours, theirs] = await Promise.all(
      [url, source.url].map((one) => resultOf(one, method, params)),
    )
    expect(ours, `${method} ${JSON.stringify(params)}`).toEqual(theirs)
  }
  expect(await resultOf(url, 'eth_getBalance', [receiver(3), hex(at)])).toBe('0x7')
}

/** Waits until the node has passed a height above the present one, and gives a height that both keep. */
async function follow(url: string): Promise<number> {
  const goal = (await heightOf(source.url)) + 3
  return until(
    'the node follows',
    () => heightOf(url),
    (at) => at >= goal,
  )
}

test('a node that trusts one hash begins with a snapshot, follows, and goes on after a kill', async () => {
  const trusted = (await resultOf(source.url, 'eth_getBlockByNumber', [hex(early), false])) as {
    readonly hash: string
  }
  const [child, network] = await start('fresh', ['--trust', trusted.hash])
  const log = readFileSync(join(scratch.path, 'logs', 'fresh.out.log'), 'utf8')
  expect(log).toContain('the chain begins with a snapshot')
  await compareAt(network.rpcUrl, await follow(network.rpcUrl))
  const { error } = await call(network.rpcUrl, 'eth_getBlockByNumber', [hex(early), false])
  expect(error).toMatchObject({ code: 4444 })
  expect(error?.message).toContain('pruned history unavailable')
  expect(network.checkpoint).toMatch(/^0x[0-9a-f]{64}$/)
  await child.kill()
  const [again, after] = await start('fresh', [])
  await compareAt(after.rpcUrl, await follow(after.rpcUrl))
  await again.kill()
}, 300_000)

test('a node killed while it fetches goes on without being told again', async () => {
  const [child] = await spawn('halfway', ['--trust', source.genesisRoot])
  const logPath = join(scratch.path, 'logs', 'halfway.out.log')
  const logged = async () => (existsSync(logPath) ? readFileSync(logPath, 'utf8') : '')
  await until('it fetches', logged, (text) => text.includes('a snapshot is fetched'))
  await child.kill()
  const [again, network] = await start('halfway', [])
  await compareAt(network.rpcUrl, await follow(network.rpcUrl))
  await again.kill()
}, 300_000)

test('TRUST_UNKNOWN: a node whose user trusts another chain does not start', async () => {
  const started = start('stranger', ['--trust', `0x${'ab'.repeat(32)}`])
  await expect(started).rejects.toThrow()
  const log = readFileSync(join(scratch.path, 'logs', 'stranger.err.log'), 'utf8')
  expect(log).toContain('TRUST_UNKNOWN')
}, 300_000)
