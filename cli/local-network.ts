import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { assert } from '#base/assert.ts'
import { type Child, spawnQuern } from './children.ts'
import { devRoles } from './dev-roles.ts'
import { leaderFlags, prepareValidators } from './local-validators.ts'
import { type Network, networkSchema, writeNetworkFile } from './network-file.ts'

export interface LocalNetworkOptions {
  /** Holds `node/`, `worker-1/` …, `evaluator-1/` …, `attester/`, `logs/` and `network.json`. */
  readonly dataDir: string
  readonly workers: number
  readonly evaluators: number
  /** Who make the chain, a process each; one unless told otherwise. */
  readonly validators?: number
  /** What a worker or an evaluator does wrong, by its name. */
  readonly misbehave?: Readonly<Record<string, string>>
  readonly rpcPort: number
  readonly stakeTrain: string
  readonly threads: number
  readonly signal: AbortSignal
  readonly onReady?: (name: string) => void
  /** A daemon ended by itself: `restart` starts it again, `ignore` does without, `fail` is the default. */
  readonly onEnd?: (name: string) => 'restart' | 'ignore' | 'fail'
}

/** A chain with its validators, workers and evaluators, each a process of its own. */
export interface LocalNetwork {
  readonly networkFile: Network
  /** Resolves with the name of the first process that ends by itself and stays so. */
  readonly failed: Promise<string>
  stop(): Promise<void>
}

/** Bonds of one dispute, at all of its levels (wire/deployment.ts). */
const disputeBond = ['--dispute-bond', '40'] as const
const startTimeoutMs = 300_000
const stopTimeoutMs = 15_000

/** Starts the processes and waits until all are registered and listening. Throws CHILD_EXITED, CHILD_SILENT. */
export async function startLocalNetwork(options: LocalNetworkOptions): Promise<LocalNetwork> {
  const running = new Map<string, Child>()
  let isStopping = false
  let fail: (name: string) => void = () => undefined
  const failed = new Promise<string>((resolve) => (fail = resolve))

  function start(part: Part): Child {
    const child = startChild(options, part)
    running.set(part.name, child)
    void watch(part, child)
    return child
  }

  async function watch(part: Part, child: Child): Promise<void> {
    await child.exited
    if (isStopping) return
    const wish = part.name === 'node' ? 'fail' : (options.onEnd?.(part.name) ?? 'fail')
    if (wish === 'fail') fail(part.name)
    if (wish === 'restart') start(part)
  }

  async function stop(): Promise<void> {
    isStopping = true
    await stopAll(running)
  }

  try {
    const networkFile = await startNodes(options, start)
    writeNetworkFile(options.dataDir, networkFile)
    await Promise.all(
      daemonsOf(options).map(async (daemon) => {
        const directory = dirOf(options, daemon.name)
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        writeNetworkFile(directory, networkFile)
        await start(daemon).waitFor(isReady, waitOf(options))
        options.onReady?.(daemon.name)
      }),
    )
    return { networkFile, failed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Part {
  readonly name: string
  readonly args: readonly string[]
}

/** Starts the validators together; gives how to reach the network, through the first of them. */
async function startNodes(
  options: LocalNetworkOptions,
  start: (part: Part) => Child,
): Promise<Network> {
  const { dataDir, rpcPort, validators = 1, workers } = options
  const alone: Part = { name: 'node', args: ['node', 'start', '--rpc-port', String(rpcPort)] }
  const parts =
    validators === 1 ? [alone] : await prepareValidators(dataDir, { validators, rpcPort })
  const files = await Promise.all(
    parts.map(async ({ name, args }, i) => {
      const part = { name, args: i === 0 ? [...args, ...leaderFlags(workers)] : args }
      const file = await start(part).waitFor(networkOf, waitOf(options))
      options.onReady?.(part.name)
      return file
    }),
  )
  const [first] = files
  assert(first, 'a network has a node')
  return { ...first, bootstrap: files.flatMap(({ bootstrap }) => bootstrap) }
}

function daemonsOf(options: LocalNetworkOptions): readonly Part[] {
  const { stakeTrain: stake, threads } = options
  const common = ['--threads', String(threads), ...disputeBond]
  const workers = Array.from({ length: options.workers }, (_, i) => {
    const accounts = accountFlags(devRoles.workerOwner(i), devRoles.workerOperator(i))
    const name = `worker-${i + 1}`
    const flags = [...accounts, '--stake', stake, '--lead', ...common, ...liesOf(options, name)]
    return { name, args: ['worker', 'start', ...flags] }
  })
  const evaluators = Array.from({ length: options.evaluators }, (_, i) => {
    const accounts = accountFlags(devRoles.evaluatorOwner(i), devRoles.evaluatorOperator(i))
    const name = `evaluator-${i + 1}`
    const flags = [...accounts, '--stake', stake, ...common, ...liesOf(options, name)]
    return { name, args: ['evaluator', 'start', ...flags] }
  })
  return [...workers, ...evaluators, attesterOf(options)]
}

function liesOf({ misbehave = {} }: LocalNetworkOptions, name: string): readonly string[] {
  const kind = misbehave[name]
  return kind === undefined ? [] : ['--misbehave', kind]
}

/** One process answers for all validators of this machine. */
function attesterOf({ validators = 1 }: LocalNetworkOptions): Part {
  const accounts = Array.from({ length: validators }, (_, i) => `dev:${devRoles.validator(i)}`)
  return { name: 'attester', args: ['validator', 'attest', '--account', ...accounts] }
}

function accountFlags(owner: number, operator: number): readonly string[] {
  return ['--owner', `dev:${owner}`, '--operator', `dev:${operator}`]
}

function startChild(options: LocalNetworkOptions, { name, args }: Part): Child {
  return spawnQuern({
    name,
    args: ['--data-dir', dirOf(options, name), ...args],
    logDir: join(options.dataDir, 'logs'),
  })
}

function dirOf(options: LocalNetworkOptions, name: string): string {
  return join(options.dataDir, name)
}

function waitOf({ signal }: LocalNetworkOptions) {
  return { timeoutMs: startTimeoutMs, signal }
}

/** Daemons first, the chain last, so that they can still send what they have to. */
async function stopAll(running: ReadonlyMap<string, Child>): Promise<void> {
  const isNode = (name: string) => name === 'node' || name.startsWith('node-')
  for (const isWanted of [(name: string) => !isNode(name), isNode]) {
    const chosen = [...running].filter(([name]) => isWanted(name))
    await Promise.all(chosen.map(([, child]) => child.stop({ timeoutMs: stopTimeoutMs })))
  }
}

function networkOf(message: unknown): Network | undefined {
  if (!isReady(message)) return undefined
  return networkSchema.parse((message as { network?: unknown }).network)
}

function isReady(message: unknown): true | undefined {
  const isIt = typeof message === 'object' && message !== null && 'kind' in message
  return isIt && message.kind === 'ready' ? true : undefined
}
