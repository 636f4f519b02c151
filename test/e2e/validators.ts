import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keccak256 } from 'viem'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'
import { type Child, spawnQuern } from '#cli/children.ts'
import { keepGenesis } from '#cli/genesis-file.ts'
import { developmentGenesisOf, prepareValidators } from '#cli/local-validators.ts'
import type { Network } from '#cli/network-file.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import { devChainId } from '#wire/addresses.ts'
import { call as callOnce } from './chain-process.ts'

const mnemonic = 'test test test test test test test test test test test junk'
const startTimeoutMs = 240_000

/** Validators as processes of their own on loopback, which can be killed and started again. */
export interface ValidatorProcesses {
  readonly count: number
  /** Starts a validator and waits until it listens; `flags` are for this start alone. */
  start(index: number, flags?: readonly string[]): Promise<void>
  startAll(): Promise<void>
  /** Kills it as a power cut does. */
  kill(index: number): Promise<void>
  killAll(): Promise<void>
  /** Nodes that ended by themselves, with the last lines of what they wrote. */
  ended(): readonly string[]
  /** JSON-RPC of a running validator. */
  url(index: number): string
  /** A node with an empty directory; without an account it has no key. Gives its JSON-RPC. */
  startFollower(account?: string): Promise<string>
  /** The directory of a validator, or of the follower that was started as number `index - count + 1`. */
  dataDirOf(index: number): string
  /** Addresses of all that run. */
  bootstrap(): readonly string[]
  stop(): Promise<void>
}

/** Prepares so many validators in `dataDir`; none is started. */
export async function createValidatorProcesses(
  dataDir: string,
  count: number,
  genesis?: GenesisInput,
): Promise<ValidatorProcesses> {
  const places = { validators: count, rpcPort: 0 }
  const parts = await prepareValidators(dataDir, genesis ? { ...places, genesis } : places)
  const running = new Map<string, { readonly child: Child; readonly network: Network }>()
  let followers = 0

  async function run(name: string, args: readonly string[]): Promise<Network> {
    const logDir = join(dataDir, 'logs')
    const all = ['--data-dir', join(dataDir, name), ...args, '--log-level', 'debug']
    const child = spawnQuern({ name, args: all, logDir })
    const network = await child.waitFor(readyOf, { timeoutMs: startTimeoutMs })
    running.set(name, { child, network })
    return network
  }

  const nameAt = (index: number) => parts[index]?.name ?? ''
  const start = async (index: number, flags: readonly string[] = []) =>
    void (await run(nameAt(index), [...(parts[index]?.args ?? []), ...flags]))

  async function kill(index: number): Promise<void> {
    const name = nameAt(index)
    await running.get(name)?.child.kill()
    running.delete(name)
  }

  const bootstrap = () => [...running.values()].flatMap(({ network }) => network.bootstrap)
  const indices = parts.map((_, index) => index)
  return {
    count,
    start,
    startAll: async () => void (await Promise.all(indices.map((index) => start(index)))),
    kill,
    killAll: async () => void (await Promise.all(indices.map(kill))),
    ended: () =>
      [...running]
        .filter(([, { child }]) => !child.isRunning())
        .map(([name]) => `${name}: ${lastLinesOf(join(dataDir, 'logs', `${name}.err.log`))}`),
    url: (index) => running.get(nameAt(index))?.network.rpcUrl ?? '',
    dataDirOf: (index) => join(dataDir, nameAt(index) || `follower-${index - count + 1}`),
    bootstrap,
    async startFollower(account) {
      followers += 1
      const name = `follower-${followers}`
      const directory = join(dataDir, name)
      mkdirSync(directory, { recursive: true })
      keepGenesis(directory, genesis ?? (await developmentGenesisOf(count)))
      const ports = ['--rpc-port', '0', '--p2p-port', '0']
      const network = await run(name, [
        'node',
        'start',
        ...ports,
        ...(account === undefined ? [] : ['--validator', account]),
        '--bootstrap',
        ...bootstrap(),
      ])
      return network.rpcUrl
    },
    async stop() {
      await Promise.all([...running.values()].map(({ child }) => child.kill()))
    },
  }
}

function lastLinesOf(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-6).join(' ')
}

function readyOf(message: unknown): Network | undefined {
  const said = message as { readonly kind?: string; readonly network?: Network }
  return said.kind === 'ready' ? said.network : undefined
}

const triesMax = 10

/** A call that is made again where a loaded machine did not let it through; a node that is gone fails it. */
async function call(url: string, method: string, params: readonly unknown[] = []) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await callOnce(url, method, params)
    } catch (error) {
      if (tries >= triesMax) throw new Error(`${method} at ${url} failed`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  }
}

/** Height of the newest final block. */
export async function heightOf(url: string): Promise<number> {
  const { result } = await call(url, 'eth_getBlockByNumber', ['finalized', false])
  return Number((result as { number: string }).number)
}

/** Height that all of them have reached. */
export async function lowestOf(urls: readonly string[]): Promise<number> {
  return Math.min(...(await Promise.all(urls.map(heightOf))))
}

/** Waits until all of them are so high; gives the height that they have then. */
export function untilAllAt(urls: readonly string[], height: number): Promise<number> {
  return until(
    `all are at ${height}`,
    () => lowestOf(urls),
    (lowest) => lowest >= height,
  )
}

/** Hash of a block; undefined where the node does not have it. */
export async function hashAt(url: string, height: number): Promise<string | undefined> {
  const { result } = await call(url, 'eth_getBlockByNumber', [`0x${height.toString(16)}`, false])
  return (result as { hash?: string } | null)?.hash
}

/** Waits until it is so; what was seen last stands in the error. */
export async function until<T>(
  what: string,
  look: () => Promise<T>,
  isEnough: (seen: T) => boolean,
  { timeoutMs = 240_000 }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const endMs = Date.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (isEnough(seen)) return seen
    if (Date.now() > endMs) throw new Error(`never: ${what}; last ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** What was answered and seen while the network ran. */
export interface Witnessed {
  readonly answered: string[]
  /** Hashes seen as final, by height. */
  readonly seen: Map<number, Set<string>>
}

/** Transfers through all running validators, and eyes on their final blocks, until it is ended. */
export interface Load {
  end(): Promise<void>
}

/** Puts load on the network; what happens is noted in `witnessed`. Each sender has a validator of its own. */
export function startLoad(
  network: Pick<ValidatorProcesses, 'count' | 'url'>,
  witnessed: Witnessed,
): Load {
  let isOver = false
  const loops = Array.from({ length: network.count }, (_, index) => {
    const account = mnemonicToAccount(mnemonic, { addressIndex: index })
    return [send(index, account), watch(index)]
  }).flat()

  async function send(index: number, account: HDAccount): Promise<void> {
    let nonce: number | undefined
    while (!isOver) {
      try {
        nonce ??= await pendingNonce(network.url(index), account)
        const raw = await transferOf(account, nonce)
        const { result } = await callOnce(network.url(index), 'eth_sendRawTransaction', [raw])
        if (result === keccak256(raw)) {
          witnessed.answered.push(result)
          nonce += 1
        } else nonce = undefined
      } catch {
        nonce = undefined // the node is gone for a while
      }
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
  }

  async function watch(index: number): Promise<void> {
    while (!isOver) {
      try {
        const { result } = await callOnce(network.url(index), 'eth_getBlockByNumber', [
          'finalized',
          false,
        ])
        const { number, hash } = result as { number: string; hash: string }
        const height = Number(number)
        witnessed.seen.set(height, (witnessed.seen.get(height) ?? new Set()).add(hash))
      } catch {
        // the node is gone for a while
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  return {
    async end() {
      isOver = true
      await Promise.all(loops)
    },
  }
}

async function pendingNonce(url: string, { address }: HDAccount): Promise<number> {
  const { result } = await callOnce(url, 'eth_getTransactionCount', [address, 'pending'])
  if (typeof result !== 'string') throw new Error('no nonce')
  return Number(result)
}

function transferOf(account: HDAccount, nonce: number) {
  return account.signTransaction({
    chainId: devChainId,
    type: 'eip1559',
    nonce,
    to: `0x${'42'.repeat(20)}`,
    value: 1n,
    gas: 21_000n,
    maxFeePerGas: 10n ** 11n,
    maxPriorityFeePerGas: 1n,
  })
}

/** Answered transactions that a node does not have as successful. */
export async function lostAt(url: string, answered: readonly string[]): Promise<readonly string[]> {
  const lost: string[] = []
  for (const hash of answered) {
    const { result } = await call(url, 'eth_getTransactionReceipt', [hash])
    if ((result as { status?: string } | null)?.status !== '0x1') lost.push(hash)
  }
  return lost
}

/** Heights at which nodes, or what was seen before, disagree. */
export async function forksOf(
  urls: readonly string[],
  { seen }: Witnessed,
): Promise<readonly number[]> {
  const common = Math.min(...(await Promise.all(urls.map(heightOf))))
  const forked: number[] = []
  for (let height = 0; height <= common; height += 1) {
    const hashes = new Set(seen.get(height))
    for (const url of urls) hashes.add((await hashAt(url, height)) ?? 'missing')
    if (hashes.size !== 1) forked.push(height)
  }
  return forked
}
