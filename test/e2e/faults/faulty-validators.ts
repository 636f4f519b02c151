import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs'
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
  const nodes: Running[] = []
  const outsiders: Running[] = []

  async function start(index: number): Promise<void> {
    const { name, args } = parts[index]!
    const others = args.filter((arg) => arg.startsWith('/ip4/'))
    const flags = ['--validator', String(index), '--port', String(ports[index])]
    nodes[index] = await startNode(dataDir, name, [...flags, ...bootstrapFlags(others)])
  }

  async function startOutsider(): Promise<Outsider> {
    const name = `outsider-${outsiders.length + 1}`
    mkdirSync(join(dataDir, name), { recursive: true })
    keepGenesis(join(dataDir, name), await developmentGenesisOf(count))
    const places = nodes.map(({ peerId }, i) => `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${peerId}`)
    const outsider = await startNode(dataDir, name, bootstrapFlags(places))
    outsiders.push(outsider)
    const { child } = outsider
    return {
      order: (what) => child.send(what),
      counts: () => countsOf(child),
      stop: () => child.kill(),
    }
  }

  const order = (index: number, what: FaultOrder) => nodes[index]?.child.send(what)
  await Promise.all(parts.map((_, index) => start(index)))

  return {
    get urls() {
      return nodes.map(({ url }) => url)
    },
    start,
    order,
    countsOf: (index) => countsOf(nodes[index]!.child),
    partition: (forMs) => partition(nodes, forMs),
    fillDisk: (index) => fillDisk(nodes[index]!),
    untilEnded: async (index) => {
      const { exitCode } = await nodes[index]!.child.exited
      const log = join(dataDir, 'logs', `${parts[index]!.name}.err.log`)
      return { exitCode, said: readFileSync(log, 'utf8').slice(-4_000) }
    },
    startOutsider,
    stop: async () => {
      await Promise.all([...nodes, ...outsiders].map(({ child }) => child.kill()))
    },
  }
}

interface Running {
  readonly child: Child
  readonly directory: string
  readonly url: string
  readonly peerId: string
}

async function startNode(
  dataDir: string,
  name: string,
  flags: readonly string[],
): Promise<Running> {
  const directory = join(dataDir, name)
  const args = ['--data-dir', directory, ...flags]
  const child = spawnQuern({ name, args, logDir: join(dataDir, 'logs'), entry })
  const ready = (said: unknown) => {
    const { kind, url, peerId } = said as { kind: string; url: string; peerId: string }
    return kind === 'ready' ? { child, directory, url, peerId } : undefined
  }
  return child.waitFor(ready, { timeoutMs: startTimeoutMs })
}

const bootstrapFlags = (places: readonly string[]) =>
  places.flatMap((place) => ['--bootstrap', place])

let asked = 0

async function countsOf(child: Child): Promise<Counts> {
  asked += 1
  const ask = asked
  child.send({ kind: 'count', ask })
  const pick = (said: unknown) => {
    const answer = said as Counts & { readonly ask?: number }
    return answer.ask === ask ? answer : undefined
  }
  return child.waitFor(pick, { timeoutMs: startTimeoutMs })
}

function partition(nodes: readonly Running[], forMs: number): void {
  const half = nodes.length >> 1
  const peers = nodes.map(({ peerId }) => peerId)
  for (const [index, { child }] of nodes.entries()) {
    const others = index < half ? peers.slice(half) : peers.slice(0, half)
    child.send({ kind: 'cut', peers: others, forMs } satisfies FaultOrder)
  }
}

function fillDisk({ child, directory }: Running): void {
  const files = join(directory, 'chain')
  const sizes = readdirSync(files).map((name) => statSync(join(files, name)).size)
  execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${Math.max(...sizes)}`])
}
