import { Worker } from 'node:worker_threads'
import { type Calls, createCalls } from '#base/calls.ts'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { hearingLog } from '#base/log-calls.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Feed } from '#chain/node/feed.ts'
import type { Live, NewTransaction } from '../live.ts'
import type { RpcServer } from '../server.ts'
import type { ThreadPlace } from './place.ts'

export interface ThreadedRpcDeps {
  readonly live: Live
  readonly blocks: Feed<Payload>
  readonly added: Feed<NewTransaction>
  readonly clock: Clock
  readonly logger: Logger
}

/** What the thread may take. Somebody who asks for too much ends it, and nothing else: it is started again. */
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 24 }
const restartMs = 1_000
const threadFile = new URL('./main.ts', import.meta.url)

/** JSON-RPC in a thread of its own, which is what `file` says; `listen` throws PORT_TAKEN. */
export function createThreadedRpc(
  deps: ThreadedRpcDeps,
  place: Omit<ThreadPlace, 'nowMs'>,
  file = threadFile,
): RpcServer {
  const { clock, logger, live } = deps
  const stopping = new AbortController()
  let thread: Thread | undefined
  let { port } = place
  const endFeeding = feed(deps, () => thread?.calls)

  async function start(): Promise<void> {
    const worker = new Worker(file, {
      workerData: { ...place, port, nowMs: clock.nowMs() } satisfies ThreadPlace,
      resourceLimits,
    })
    const own = overThread(worker, { live, logger })
    thread = own
    try {
      port = (await own.calls.ask('listen', [])) as number
    } catch (error) {
      await own.end()
      throw error
    }
    own.ended.then(restart).catch(() => undefined)
  }

  /** The same port, as soon as it is free. */
  async function restart(): Promise<void> {
    thread = undefined
    while (!stopping.signal.aborted && thread === undefined) {
      logger.error({ port }, 'JSON-RPC ended and is started again')
      await clock.sleep(restartMs, stopping.signal)
      await start().catch((error: unknown) => {
        thread = undefined
        logger.error({ error: String(error) }, 'JSON-RPC could not be started')
      })
    }
  }

  return {
    async listen() {
      await start()
      return port
    },
    async close() {
      stopping.abort(new AppError({ code: 'STOPPING' }))
      endFeeding()
      await thread?.calls.ask('close', []).catch(() => undefined) // it has ended by itself
      await thread?.end()
    },
  }
}

interface Thread {
  readonly calls: Calls
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>
  end(): Promise<void>
}

function overThread(
  worker: Worker,
  { live, logger }: Pick<ThreadedRpcDeps, 'live' | 'logger'>,
): Thread {
  const calls = createCalls(worker, answersOf(live, logger))
  worker.on('error', (error) => logger.error({ error: String(error) }, 'JSON-RPC failed'))
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      calls.close(new AppError({ code: 'RPC_ENDED', retryable: true }))
      resolve()
    })
  })
  return { calls, ended, end: () => worker.terminate().then(() => undefined) }
}

function answersOf(live: Live, logger: Logger) {
  const names = ['submit', 'waiting', 'nextNonce', 'pending', 'nowMs', 'status'] as const
  const answers = names.map((name) => {
    const answer = live[name] as (...args: readonly unknown[]) => unknown
    return [name, (args: readonly unknown[]) => answer(...args)] as const
  })
  return { ...Object.fromEntries(answers), log: hearingLog(logger) }
}

/** Tells the thread of new blocks and transactions, those of one turn at once. */
function feed(
  { blocks, added, clock }: ThreadedRpcDeps,
  calls: () => Calls | undefined,
): () => void {
  let waiting: NewTransaction[] = []

  function flush(): void {
    calls()?.tell('added', [waiting])
    waiting = []
  }

  function take({ hash, raw }: NewTransaction): void {
    if (waiting.length === 0) queueMicrotask(flush)
    waiting.push({ hash, raw })
  }

  const ends = [blocks.listen(() => calls()?.tell('follow', [clock.nowMs()])), added.listen(take)]
  return () => ends.forEach((end) => end())
}
