import type { JobFeed } from '#chain/client/feed.ts'
import { isJobMember } from '#chain/client/members.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { JobTopic } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'

/** The topics of the jobs this evaluator has to do with; they stay open for people who verify later. */
export interface HeldTopics {
  of(jobId: Hex): Promise<JobTopic>
  close(jobId: Hex): Promise<void>
  closeAll(): Promise<void>
}

/** Creates the topics; beyond `heldMax` the one that was asked for longest ago is closed. */
export function createHeldTopics(
  deps: {
    topics: Pick<JobTopics, 'open'>
    files: Files
    feed: Pick<JobFeed, 'job'>
    registry: Registry
  },
  { heldMax }: { heldMax: number },
): HeldTopics {
  const { topics, files, feed, registry } = deps
  const held = new Map<Hex, Promise<JobTopic>>()

  async function of(jobId: Hex): Promise<JobTopic> {
    const opened = held.get(jobId) ?? open(jobId)
    held.delete(jobId)
    held.set(jobId, opened)
    opened.catch(() => held.delete(jobId))
    for (const oldest of held.keys()) {
      if (held.size <= heldMax) break
      await close(oldest)
    }
    return opened
  }

  async function open(jobId: Hex): Promise<JobTopic> {
    await files.make(jobId)
    return topics.open(jobId, {
      directory: files.path(jobId),
      isMember: (peerId) => isJobMember(feed.job(jobId), peerId, registry),
    })
  }

  async function close(jobId: Hex): Promise<void> {
    const opened = held.get(jobId)
    held.delete(jobId)
    const topic = await opened?.catch(() => undefined)
    await topic?.close()
  }

  async function closeAll(): Promise<void> {
    for (const jobId of held.keys()) await close(jobId)
  }

  return { of, close, closeAll }
}
