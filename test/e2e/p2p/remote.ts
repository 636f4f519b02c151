import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a peer process is started with. */
export interface PeerSetup {
  readonly directory: string
  readonly bootstrap: readonly string[]
  readonly jobId: string
  /** Peers whose entries are not admitted. */
  readonly strangers: readonly string[]
}

/** What a peer process can be asked. */
export interface PeerCalls {
  describe: () => Promise<{ peerId: string; address: string }>
  add: (given: { sizeBytes: number; seed: number }) => Promise<{ cid: string; digest: string }>
  get: (given: { cid: string; providers?: string[] }) => Promise<string>
  append: (given: { text: string }) => Promise<number>
  entries: () => Promise<{ author: string; sequence: number; body: string }[]>
  peers: () => Promise<{ connected: number; inTopic: number }>
  /** Computes without a pause, so that the process answers nobody. */
  block: (given: { durationMs: number }) => Promise<void>
}

export interface PeerCall {
  readonly id: number
  readonly name: keyof PeerCalls
  readonly argument: unknown
}

/** A peer process under the control of a test. */
export interface RemotePeer extends PeerCalls {
  readonly peerId: string
  readonly address: string
  kill(): Promise<void>
  /** Asks it to end; resolves with the exit code that it ends with by itself. */
  stop(): Promise<number | null>
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** Starts a peer process and waits until it listens. */
export async function startPeer(setup: PeerSetup): Promise<RemotePeer> {
  const path = fileURLToPath(new URL('./peer.ts', import.meta.url))
  const child = fork(path, [JSON.stringify(setup)], { execArgv: [] })
  const open = new Map<number, (answer: Answer) => void>()
  child.on('message', (message) => {
    const answer = message as Answer
    open.get(answer.id)?.(answer)
    open.delete(answer.id)
  })
  child.on('exit', (code, signal) => {
    for (const [id, give] of open) give({ id, error: `exited: ${code ?? signal}` })
  })
  const called = createCaller(child, open)
  await once(child, 'message')
  const { peerId, address } = (await called('describe')) as { peerId: string; address: string }
  const exit = async (end: () => void) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const exited = once(child, 'exit')
    end()
    return ((await exited) as [number | null])[0]
  }
  return {
    peerId,
    address,
    describe: () => called('describe') as never,
    add: (given) => called('add', given) as never,
    get: (given) => called('get', given) as never,
    append: (given) => called('append', given) as never,
    entries: () => called('entries') as never,
    peers: () => called('peers') as never,
    block: (given) => called('block', given) as never,
    kill: async () => void (await exit(() => child.kill('SIGKILL'))),
    stop: () => exit(() => child.disconnect()),
  }
}

function createCaller(child: ChildProcess, open: Map<number, (answer: Answer) => void>) {
  let ids = 0
  return async (name: keyof PeerCalls, argument?: unknown): Promise<unknown> => {
    const id = (ids += 1)
    const { promise, resolve } = Promise.withResolvers<Answer>()
    open.set(id, resolve)
    child.send({ id, name, argument })
    const { result, error } = await promise
    if (error !== undefined) throw new Error(error)
    return result
  }
}
