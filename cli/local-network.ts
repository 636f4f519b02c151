import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, spawnQuern } from './children.ts'
import { devRoles } from './dev-roles.ts'
import { type Network, networkSchema, writeNetworkFile } from './network-file.ts'

export interface LocalNetworkOptions {
  /** Holds `node/`, `worker-1/` …, `evaluator-1/` …, `logs/` and `network.json`. */
  readonly dataDir: string
  readonly workers: number
  readonly evaluators: number
  /** What a worker does wrong, by its index from 0. */
  readonly misbehave?: Readonly<Record<number, string>>
  readonly rpcPort: number
  readonly stakeTrain: string
  readonly threads: number
  readonly signal: AbortSignal
  readonly onReady?: (name: string) => void
}

/** A chain of one validator with workers and evaluators, each a process of its own. */
export interface LocalNetwork {
  readonly networkFile: Network
  readonly children: readonly Child[]
  /** Resolves with the name of the first process that ends by itself. */
  readonly failed: Promise<string>
  stop(): Promise<void>
}

const startTimeoutMs = 120_000
const stopTimeoutMs = 15_000

/** Starts the processes and waits until all are registered and listening. Throws CHILD_EXITED, CHILD_SILENT. */
export async function startLocalNetwork(options: LocalNetworkOptions): Promise<LocalNetwork> {
  const children: Child[] = []
  try {
    const node = startChild(options, children, {
      name: 'node',
      args: ['node', 'start', '--rpc-port', String(options.rpcPort)],
    })
    const networkFile = await node.waitFor(networkOf, waitOf(options))
    writeNetworkFile(options.dataDir, networkFile)
    options.onReady?.('node')
    const daemons = daemonsOf(options).map((daemon) => {
      writeNetworkFile(dirOf(options, daemon.name), networkFile)
      return startChild(options, children, daemon)
    })
    await Promise.all(
      daemons.map(async (daemon) => {
        await daemon.waitFor(isReady, waitOf(options))
        options.onReady?.(daemon.name)
      }),
    )
    const failed = Promise.race(children.map(({ name, exited }) => exited.then(() => name)))
    return { networkFile, children, failed, stop: () => stopAll(children) }
  } catch (error) {
    await stopAll(children)
    throw error
  }
}

interface Part {
  readonly name: string
  readonly args: readonly string[]
}

function daemonsOf(options: LocalNetworkOptions): readonly Part[] {
  const { stakeTrain: stake, threads } = options
  const workers = Array.from({ length: options.workers }, (_, i) => {
    const accounts = accountFlags(devRoles.workerOwner(i), devRoles.workerOperator(i))
    const misbehave = options.misbehave?.[i]
    const lies = misbehave === undefined ? [] : ['--misbehave', misbehave]
    const flags = [...accounts, '--stake', stake, '--threads', String(threads), ...lies]
    return { name: `worker-${i + 1}`, args: ['worker', 'start', ...flags] }
  })
  const evaluators = Array.from({ length: options.evaluators }, (_, i) => {
    const accounts = accountFlags(devRoles.evaluatorOwner(i), devRoles.evaluatorOperator(i))
    const flags = [...accounts, '--stake', stake, '--threads', String(threads)]
    return { name: `evaluator-${i + 1}`, args: ['evaluator', 'start', ...flags] }
  })
  return [...workers, ...evaluators]
}

function accountFlags(owner: number, operator: number): readonly string[] {
  return ['--owner', `dev:${owner}`, '--operator', `dev:${operator}`]
}

function startChild(options: LocalNetworkOptions, children: Child[], part: Part): Child {
  const directory = dirOf(options, part.name)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const child = spawnQuern({
    name: part.name,
    args: ['--data-dir', directory, ...part.args],
    logDir: join(options.dataDir, 'logs'),
  })
  children.push(child)
  return child
}

function dirOf(options: LocalNetworkOptions, name: string): string {
  return join(options.dataDir, name)
}

function waitOf({ signal }: LocalNetworkOptions) {
  return { timeoutMs: startTimeoutMs, signal }
}

/** Daemons first, the chain last, so that they can still send what they have to. */
async function stopAll(children: readonly Child[]): Promise<void> {
  const [node, ...daemons] = children
  await Promise.all(daemons.map((daemon) => daemon.stop({ timeoutMs: stopTimeoutMs })))
  await node?.stop({ timeoutMs: stopTimeoutMs })
}

function networkOf(message: unknown): Network | undefined {
  if (!isReady(message)) return undefined
  return networkSchema.parse((message as { network?: unknown }).network)
}

function isReady(message: unknown): true | undefined {
  const isIt = typeof message === 'object' && message !== null && 'kind' in message
  return isIt && message.kind === 'ready' ? true : undefined
}
