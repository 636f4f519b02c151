import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { EngineName, PeerOptions, PeerReply, PeerRequest } from './peer.ts'
import type { Task } from './tasks.ts'

const replyMsMax = 300_000
const script = fileURLToPath(new URL('./child.ts', import.meta.url))

export interface Ran {
  readonly count: number
  readonly ms: number
  readonly bestMs: number
}

/** An engine in a process of its own. Each call waits for the process; failures are errors with its reason. */
export interface PeerProcess {
  readonly version: string
  open(task: Task): Promise<Readonly<Record<string, number>>>
  run(ms: number): Promise<Ran>
  close(): Promise<void>
  stop(): void
}

/** Starts an engine. Throws with the reason when it cannot be loaded. */
export async function startPeer(engine: EngineName, options: PeerOptions): Promise<PeerProcess> {
  const child = fork(script, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
  })
  try {
    const started = await ask(child, { kind: 'start', engine, options }, 'started')
    return {
      version: started.version,
      open: async (task) => (await ask(child, { kind: 'open', task }, 'opened')).figures,
      run: (ms) => ask(child, { kind: 'run', ms }, 'ran'),
      close: async () => void (await ask(child, { kind: 'close' }, 'closed')),
      stop: () => void child.kill('SIGKILL'),
    }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

async function ask<Kind extends PeerReply['kind']>(
  child: ChildProcess,
  request: PeerRequest,
  kind: Kind,
): Promise<Extract<PeerReply, { kind: Kind }>> {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(replyMsMax)])
  try {
    const answered = once(child, 'message', { signal })
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`the process ended with ${String(code)}`)
    })
    child.send(request)
    const [reply] = (await Promise.race([answered, ended])) as [PeerReply]
    if (reply.kind === 'failed') throw new Error(reply.reason)
    if (reply.kind !== kind) throw new Error(`${reply.kind} instead of ${kind}`)
    return reply as Extract<PeerReply, { kind: Kind }>
  } finally {
    over.abort()
  }
}
