import { readFileSync, readdirSync, statSync } from 'node:fs'
import { mkdirSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, spawnQuern } from '#cli/children.ts'
import { keepGenesis } from '#cli/genesis-file.ts'
import { developmentGenesisOf, prepareValidators } from '#cli/local-validators.ts'
import type { Flood } from './flood.ts'
import type { LieKind } from './lying-network.ts'

/** What the parent may order a faulty node to do. */
export type FaultOrder =
  | { readonly kind: 'lie'; readonly lie: LieKind | undefined }
  /** Its clock is so far off from now on. */
  | { readonly kind: 'skew'; readonly skewMs: number }
  /** It loses these peers for so long. */
  | { readonly kind: 'cut'; readonly peers: readonly string[]; readonly forMs: number }
  | ({ readonly kind: 'flood' } & Flood)
  | { readonly kind: 'count'; readonly ask: number }

/** Lies told since the last order to lie, and peers connected now. */
interface Counts {
  readonly lies: number
  readonly peers: number
}

interface Ready {
  readonly url: string
  readonly peerId: string
}

/** Validators in processes of their own that do wrong when they are told to. */
export interface FaultyValidators {
  readonly urls: readonly string[]
  start(index: number): Promise<void>
  order(index: number, order: FaultOrder): void
  countsOf(index: number): Promise<Counts>
  /** No connection between the first and the second half for so long. */
  partition(forMs: number): void
  /** From now on no file of the node may grow: to its database that is a full disk. */
  fillDisk(index: number): void
  /** Waits until a node has ended by itself; what it wrote last. */
  untilEnded(index: number): Promise<{ readonly exitCode: number | null; readonly said: string }>
  /** A node that is no validator, to do harm. */
  startOutsider(): Promise<Outsider>
  stop(): Promise<void>
}

interface Outsider {
  order(what: FaultOrder): void
  counts(): Promise<Counts>
  stop(): Promise<unknown>
}

const entry = fileURLToPath(new URL('./faulty-node-main.ts', import.meta.url))
const startTimeoutMs = 240_000

/** Starts so many in `dataDir`. */
export async function startFaultyValidators(
  dataDir: string,
  count: number,
): Promise<FaultyValidators> {
  const parts = await prepareValidators(dataDir, { validators: count, rpcPort: 0 })
  const ports = JSON.parse(readFileSync(join(dataDir, 'validator-ports.json'), 'utf8')) as number[]
  const logDir = join(dataDir, 'logs')
  const nodes: { child: Child; ready: Ready }[] = []
  const outsiders: Child[] = []
  let asked = 0

  async function run(name: string, args: readonly string[]) {
    const all = ['--data-dir', join(dataDir, name), ...args]
    const child = spawnQuern({ name, args: all, logDir, entry })
    const ready = await child.waitFor((said) => messageOf<Ready>(said, 'ready'), {
      timeoutMs: startTimeoutMs,
    })
    return { child, ready }
  }

  async function start(index: number): Promise<void> {
    const { name, args } = parts[index]!
    const others = args.filter((arg) => arg.startsWith('/ip4/'))
    const flags = ['--validator', String(index), '--port', String(ports[index])]
    nodes[index] = await run(name, [...flags, ...others.flatMap((one) => ['--bootstrap', one])])
  }

  async function countsOf(child: Child): Promise<Counts> {
    asked += 1
    const ask = asked
    child.send({ kind: 'count', ask })
    const pick = (said: unknown) => {
      const answer = messageOf<Counts & { ask: number }>(said, 'counts')
      return answer?.ask === ask ? answer : undefined
    }
    return child.waitFor(pick, { timeoutMs: startTimeoutMs })
  }

  const order = (index: number, what: FaultOrder) => nodes[index]?.child.send(what)
  await Promise.all(parts.map((_, index) => start(index)))

  return {
    get urls() {
      return nodes.map(({ ready }) => ready.url)
    },
    start,
    order,
    countsOf: (index) => countsOf(nodes[index]!.child),
    partition(forMs) {
      const half = nodes.length >> 1
      const peers = nodes.map(({ ready }) => ready.peerId)
      for (const index of nodes.keys()) {
        const others = index < half ? peers.slice(half) : peers.slice(0, half)
        order(index, { kind: 'cut', peers: others, forMs })
      }
    },
    fillDisk(index) {
      const files = join(dataDir, parts[index]!.name, 'chain')
      const sizes = readdirSync(files).map((name) => statSync(join(files, name)).size)
      const pid = String(nodes[index]!.child.pid)
      execFileSync('prlimit', ['--pid', pid, `--fsize=${Math.max(...sizes)}`])
    },
    async untilEnded(index) {
      const { exitCode } = await nodes[index]!.child.exited
      const log = join(logDir, `${parts[index]!.name}.err.log`)
      return { exitCode, said: readFileSync(log, 'utf8').slice(-4_000) }
    },
    async startOutsider() {
      const name = `outsider-${outsiders.length + 1}`
      mkdirSync(join(dataDir, name), { recursive: true })
      keepGenesis(join(dataDir, name), await developmentGenesisOf(count))
      const addresses = nodes.map(
        ({ ready }, i) => `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${ready.peerId}`,
      )
      const { child } = await run(
        name,
        addresses.flatMap((one) => ['--bootstrap', one]),
      )
      outsiders.push(child)
      return {
        order: (what) => child.send(what),
        counts: () => countsOf(child),
        stop: () => child.kill(),
      }
    },
    async stop() {
      const children = [...nodes.map(({ child }) => child), ...outsiders]
      await Promise.all(children.map((child) => child.kill()))
    },
  }
}

function messageOf<T>(message: unknown, kind: string): T | undefined {
  return (message as { readonly kind?: string }).kind === kind ? (message as T) : undefined
}
