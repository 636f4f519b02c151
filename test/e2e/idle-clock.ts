import { type Clock, createFakeClock } from '#base/clock.ts'
import { realClock } from '#cli/real-clock.ts'
import type { JobEntry, JobTopic } from '#p2p/network.ts'
import type { JobTopics } from '#p2p/job-topic.ts'

/**
 * A clock that stands still while somebody works or has not yet heard what another said. Whoever is late by it keeps
 * silent: however slow or absent-minded the machine is, nobody else can be.
 */
export interface IdleClock extends Clock {
  /** The same object; a promise that one of its methods gives is work until it settles. */
  watch<T extends object>(worker: T): T
  /** The same topics; while the open ones differ in how much they have told, somebody has not heard. */
  watchTopics(topics: JobTopics): JobTopics
  stop(): Promise<void>
}

const turnMs = 20
/** What passes in one turn, of which the machine makes at most one each `turnMs`. */
const passedMs = 50

/** Starts the clock. */
export function createIdleClock(): IdleClock {
  const time = createFakeClock()
  const stopping = new AbortController()
  /** What each open topic has told. */
  const heard = new Set<ReadonlySet<string>>()
  let works = 0

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await realClock.sleep(turnMs, stopping.signal).catch(() => undefined)
      if (isIdle()) await time.advance(passedMs)
    }
  }

  function watch<T extends object>(worker: T): T {
    const get = (target: T, key: string | symbol): unknown => {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => counted((value as Method).apply(target, args))
    }
    return new Proxy(worker, { get })
  }

  function counted(result: unknown): unknown {
    if (!(result instanceof Promise)) return result
    works += 1
    return result.finally(() => (works -= 1))
  }

  function watchTopics(topics: JobTopics): JobTopics {
    async function open(...args: Parameters<JobTopics['open']>): Promise<JobTopic> {
      const topic = await topics.open(...args)
      const told = new Set(topic.entries().map(nameOf))
      const unlisten = topic.onEntry((entry) => told.add(nameOf(entry)))
      heard.add(told)
      async function close(): Promise<void> {
        heard.delete(told)
        unlisten()
        await topic.close()
      }
      return { ...watch(topic), close }
    }
    return { ...topics, open }
  }

  function isIdle(): boolean {
    return works === 0 && new Set([...heard].map(({ size }) => size)).size < 2
  }

  const running = run()
  return {
    ...time,
    watch,
    watchTopics,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

type Method = (...args: unknown[]) => unknown

const nameOf = ({ author, sequence }: JobEntry) => `${author} ${sequence}`
