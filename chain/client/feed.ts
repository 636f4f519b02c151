import { type PublicClient, createPublicClient, http, parseEventLogs } from 'viem'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import type { Hex } from '#wire/primitives.ts'
import { type JobEvent, foldEvent } from './fold.ts'
import type { LedgerEvent } from './ledger-view.ts'
import type { JobView } from './view.ts'

/** The newest finalised block that the feed has folded. */
export interface Head {
  readonly number: bigint
  /** Unix seconds. */
  readonly timestamp: bigint
}

/** All jobs of a chain, folded from finalised blocks only, so that no reorganisation can undo a view. */
export interface JobFeed extends Service {
  head(): Head
  jobs(): readonly JobView[]
  job(jobId: Hex): JobView | undefined
  /** Calls the listener with every view that changed, after its whole block was folded. */
  onChange(listener: (view: JobView) => void): () => void
  /** Calls the listener for every new head. */
  onHead(listener: (head: Head) => void): () => void
  /** Waits until a job's view fulfils a condition; bounded by the signal alone. */
  waitFor(
    jobId: Hex,
    condition: (view: JobView) => boolean,
    options: { signal: AbortSignal },
  ): Promise<JobView>
  /** The beacon of a finalised height; undefined while it is not finalised. Throws RPC_DOWN. */
  randomness(height: bigint): Promise<Hex | undefined>
}

export interface JobFeedOptions {
  readonly rpcUrl: string
  readonly chainId: number
  readonly jobManager: Hex
  /** Undefined on chains without the election. */
  readonly workLedger?: Hex
  readonly fromBlock?: bigint
  readonly pollMs?: number
}

const blocksAtOnce = 1000n
const jobsMax = 10_000
const eventsAbi = [...jobManagerAbi, ...workLedgerAbi].filter(({ type }) => type === 'event')

/** Creates the feed. `start` resolves when it has caught up; a node that is away is asked again and again. */
export function createJobFeed(
  deps: { clock: Clock; log: Logger },
  options: JobFeedOptions,
): JobFeed {
  const rpc = createPublicClient({
    transport: http(options.rpcUrl, { timeout: 10_000, retryCount: 1 }),
  })
  const { jobManager, workLedger } = options
  const address = workLedger === undefined ? [jobManager] : [jobManager, workLedger]
  const views = new Map<Hex, JobView>()
  const changeListeners = new Set<(view: JobView) => void>()
  const headListeners = new Set<(head: Head) => void>()
  const stopping = new AbortController()
  let head: Head = { number: (options.fromBlock ?? 0n) - 1n, timestamp: 0n }
  let loop: Promise<void> | undefined

  async function start(): Promise<void> {
    await checkChain(rpc, options)
    await catchUp()
    loop = poll(deps, catchUp, { pollMs: options.pollMs ?? 300, stopping: stopping.signal })
  }

  async function stop(): Promise<void> {
    stopping.abort()
    await loop
  }

  async function catchUp(): Promise<void> {
    const finalized = await rpc.getBlock({ blockTag: 'finalized' })
    while (head.number < finalized.number) {
      const fromBlock = head.number + 1n
      const last = fromBlock + blocksAtOnce - 1n
      const toBlock = last < finalized.number ? last : finalized.number
      const logs = await rpc.getLogs({ address, fromBlock, toBlock })
      const events = parseEventLogs({ abi: eventsAbi, logs })
      head = { number: toBlock, timestamp: finalized.timestamp }
      announce(applyEvents(views, events))
    }
  }

  function announce(changed: ReadonlySet<Hex>): void {
    for (const jobId of changed) {
      const view = views.get(jobId)
      if (view !== undefined) for (const listener of changeListeners) listener(view)
    }
    for (const listener of headListeners) listener(head)
  }

  async function randomness(height: bigint): Promise<Hex | undefined> {
    return height > head.number ? undefined : readBeacon(rpc, height)
  }

  return {
    start,
    stop,
    head: () => head,
    jobs: () => [...views.values()],
    job: (jobId) => views.get(jobId),
    onChange: (listener) => subscribe(changeListeners, listener),
    onHead: (listener) => subscribe(headListeners, listener),
    waitFor: (jobId, condition, { signal }) =>
      nextView({ known: views.get(jobId), listeners: changeListeners }, jobId, {
        condition,
        signal,
      }),
    randomness,
  }
}

async function readBeacon(rpc: PublicClient, height: bigint): Promise<Hex> {
  try {
    return (await rpc.getBlock({ blockNumber: height })).mixHash
  } catch (cause) {
    throw new AppError({ code: 'RPC_DOWN', retryable: true }, { cause })
  }
}

async function poll(
  deps: { clock: Clock; log: Logger },
  catchUp: () => Promise<void>,
  { pollMs, stopping }: { pollMs: number; stopping: AbortSignal },
): Promise<void> {
  for (;;) {
    await deps.clock.sleep(pollMs, stopping).catch(() => undefined)
    if (stopping.aborted) return
    await catchUp().catch((error: unknown) => deps.log.warn({ err: error }, 'chain not reached'))
  }
}

/** Folds the events of some blocks; answers which jobs changed. Jobs that are over are forgotten first. */
function applyEvents(
  views: Map<Hex, JobView>,
  events: readonly (JobEvent | LedgerEvent)[],
): ReadonlySet<Hex> {
  const changed = new Set<Hex>()
  for (const event of events) {
    if (!('jobId' in event.args)) continue // governance's parameters concern no job
    const { jobId } = event.args
    const view = foldEvent(views.get(jobId), event)
    if (view === undefined) continue
    views.set(jobId, view)
    changed.add(jobId)
  }
  for (const [jobId, view] of views) {
    if (views.size <= jobsMax) break
    if (isOver(view)) views.delete(jobId)
  }
  return changed
}

/** True when nothing more can happen to the job. */
export function isOver(view: JobView): boolean {
  return view.phase === 'settled' || view.phase === 'cancelled' || view.phase === 'expired'
}

/** The known view or the next announced one that fulfils the condition. */
function nextView(
  source: { known: JobView | undefined; listeners: Set<(view: JobView) => void> },
  jobId: Hex,
  wait: { condition: (view: JobView) => boolean; signal: AbortSignal },
): Promise<JobView> {
  const { known, listeners } = source
  const { condition, signal } = wait
  return new Promise((resolve, reject) => {
    if (known !== undefined && condition(known)) return resolve(known)
    if (signal.aborted) return reject(signal.reason as Error)
    const release = subscribe(listeners, (view) => {
      if (view.jobId !== jobId || !condition(view)) return
      release()
      signal.removeEventListener('abort', onAbort)
      resolve(view)
    })
    const onAbort = () => {
      release()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

async function checkChain(rpc: PublicClient, options: JobFeedOptions): Promise<void> {
  const { rpcUrl, chainId } = options
  const found = await rpc.getChainId().catch((error: unknown) => {
    const message = `no node answers at ${rpcUrl}; start one with "quern up" or set --rpc-url`
    throw new AppError({ code: 'RPC_DOWN', rpcUrl, retryable: true, message }, { cause: error })
  })
  if (found !== chainId) {
    const message = `the node at ${rpcUrl} is on chain ${found}, but network.json says ${chainId}`
    throw new AppError({ code: 'WRONG_CHAIN', found, expected: chainId, message })
  }
}
