import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import { parseJson } from '#wire/canonical.ts'
import { hash32 } from '#wire/primitives.ts'
import { topicOf } from '#wire/topic.ts'
import { peerIdText } from './binding.ts'
import {
  decodeEnvelope,
  type Envelope,
  openEnvelope,
  packEnvelopes,
  sealEnvelope,
} from './envelope.ts'
import { type JobLog, openJobLog } from './job-log.ts'
import { createJobSync, replayProtocol } from './job-sync.ts'
import { p2pLimits } from './limits.ts'
import { createMembership } from './membership.ts'
import type { JobEntry, JobTopic, Network, TopicMessage, Verdict } from './network.ts'

const recoverMs = 3_000

const replayRequest = z.object({
  jobId: hash32,
  /** For each author the lowest sequence that the asking peer lacks; other authors from 0. */
  missing: z.record(peerIdText, z.int().min(0)),
})

export interface JobTopicOptions {
  /** Directory of the job; the log is `topic.log` in it. */
  readonly directory: string
  /**
   * Whether the peer speaks for an account that the job was assigned to. Answers are cached for 30 s
   * (yes) and 2 s (no). Messages of other peers are dropped and not passed on.
   */
  readonly isMember: (peerId: string) => boolean | Promise<boolean>
}

/** All job topics of a node. Serves `/quern/job-log/1` for the open ones. */
export interface JobTopics extends Service {
  /** Continues from the log on disk: its entries are there when this resolves. Throws TOPIC_OPEN. */
  open(jobId: string, options: JobTopicOptions): Promise<JobTopic>
}

interface TopicDeps {
  readonly network: Network
  readonly clock: Clock
  readonly log: Logger
}

/** Creates the job topics of one chain over a network. */
export function createJobTopics(
  deps: Omit<TopicDeps, 'log'> & { readonly log?: Logger },
  options: { readonly chainId: number },
): JobTopics {
  const opened = new Map<string, { jobLog: JobLog; close: () => Promise<void> }>()
  const topicDeps = { ...deps, log: deps.log ?? noopLogger }
  let unserve: (() => Promise<void>) | undefined

  async function serve(request: Uint8Array): Promise<Uint8Array> {
    const { jobId, missing } = replayRequest.parse(parseJson(request))
    const job = opened.get(jobId)
    if (job === undefined) throw new AppError({ code: 'JOB_UNKNOWN', jobId })
    return packEnvelopes(job.jobLog.since(missing), p2pLimits.responseBytesMax)
  }

  async function open(jobId: string, topicOptions: JobTopicOptions): Promise<JobTopic> {
    if (opened.has(jobId)) throw new AppError({ code: 'TOPIC_OPEN', jobId })
    const name = topicOf.job(options.chainId, jobId)
    const jobLog = await openJobLog(join(topicOptions.directory, 'topic.log'))
    const topic = await openTopic(topicDeps, { ...topicOptions, jobId, name, jobLog })
    async function close(): Promise<void> {
      if (opened.delete(jobId)) await topic.close()
    }
    opened.set(jobId, { jobLog, close })
    return { ...topic, close }
  }

  return {
    open,
    async start() {
      unserve = await deps.network.handle(replayProtocol, serve)
    },
    async stop() {
      await Promise.all([...opened.values()].map((job) => job.close()))
      await unserve?.()
    },
  }
}

interface OpenOptions extends JobTopicOptions {
  readonly jobId: string
  readonly name: string
  readonly jobLog: JobLog
}

async function openTopic(deps: TopicDeps, options: OpenOptions): Promise<JobTopic> {
  const { jobId, name, jobLog } = options
  const listeners = new Set<(entry: JobEntry) => void>()
  const membership = createMembership(deps.clock, options.isMember)

  async function keep(envelope: Envelope): Promise<boolean> {
    if ((await jobLog.add(envelope)) !== 'added') return false
    for (const listener of listeners) listener(toEntry(envelope))
    return true
  }

  async function admit(bytes: Uint8Array): Promise<boolean> {
    const { author, sequence } = decodeEnvelope(bytes)
    if (jobLog.has(author, sequence) || !(await membership.has(author))) return false
    return keep(await openEnvelope(name, bytes))
  }

  async function validate(message: TopicMessage): Promise<Verdict> {
    try {
      const { author } = await openEnvelope(name, message.body)
      if (author !== message.author) return 'reject'
      return (await membership.has(author)) ? 'accept' : 'ignore'
    } catch (error) {
      return codeOf(error)?.startsWith('ENVELOPE_') ? 'reject' : 'ignore'
    }
  }

  function onMessage(message: TopicMessage): void {
    void keep(decodeEnvelope(message.body)).catch((error: unknown) =>
      deps.log.error({ error, jobId }, 'job entry not written'),
    )
  }

  const topic = await deps.network.openTopic(name, { validate, onMessage })
  const sync = createJobSync({ ...deps, jobId, jobLog, peers: () => topic.peers(), admit })
  const unjoin = topic.onJoin((peerId) => sync.welcome(peerId))
  await sync.start()
  const append = createAppender({
    ...deps,
    name,
    jobLog,
    publish: (body) => topic.publish(body),
    keep,
    sync: (signal) => sync.sync(signal),
  })

  return {
    append,
    entries: () => jobLog.entries().map(toEntry),
    onEntry(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    sync: (signal) => sync.sync(signal),
    peers: () => topic.peers(),
    async close() {
      unjoin()
      await topic.close()
      await sync.stop()
      await jobLog.close()
    },
  }
}

interface AppenderDeps {
  readonly network: Network
  readonly name: string
  readonly jobLog: JobLog
  readonly publish: (body: Uint8Array) => Promise<void>
  readonly keep: (envelope: Envelope) => Promise<boolean>
  readonly sync: (signal: AbortSignal) => Promise<void>
}

/** Numbers the own entries: one after another, each on disk before it is published. */
function createAppender(deps: AppenderDeps): JobTopic['append'] {
  const { jobLog, name, network } = deps
  let last: Promise<unknown> = Promise.resolve()
  let isRecovered = false

  /** With an empty disk the peers may still hold own entries, and a number is never used twice. */
  async function recover(): Promise<void> {
    if (!isRecovered) await deps.sync(AbortSignal.timeout(recoverMs)).catch(() => undefined)
    isRecovered = true
  }

  async function appendNext(body: Uint8Array): Promise<JobEntry> {
    await recover()
    const sequence = jobLog.missing()[network.peerId] ?? 0
    const envelope = await sealEnvelope(network, name, { sequence, body })
    if (!(await deps.keep(envelope))) throw new AppError({ code: 'JOB_LOG_FULL', topic: name })
    await deps.publish(envelope.bytes)
    return toEntry(envelope)
  }

  return async (body) => {
    const sizeBytesMax = p2pLimits.entryBodyBytesMax
    if (body.length > sizeBytesMax) {
      throw new AppError({ code: 'MESSAGE_TOO_LARGE', sizeBytes: body.length, sizeBytesMax })
    }
    const appended = last.then(() => appendNext(body))
    last = appended.catch(() => undefined) // the caller hears of it; the next entry goes on
    return appended
  }
}

function toEntry({ author, sequence, body }: Envelope): JobEntry {
  return { author, sequence, body }
}
