import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isOver } from '#chain/client/feed.ts'
import { isJobMember } from '#chain/client/members.ts'
import type { JobView } from '#chain/client/view.ts'
import { parseJson } from '#wire/canonical.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import { topicEntrySchema } from '#wire/topic.ts'
import type { Station } from '../compose.ts'
import type { Progress } from './progress.ts'

/** Tells a job's progress until it is over; ends early with the signal's reason. */
export async function watchJob(
  station: Station,
  watched: { jobId: Hex; dataDir: string },
  options: { progress: Progress; signal: AbortSignal },
): Promise<JobView> {
  const { feed, registry, topics } = station
  const { jobId } = watched
  const { progress, signal } = options
  const directory = join(watched.dataDir, 'watched', jobId)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const topic = await topics.open(jobId, {
    directory,
    isMember: (peerId) => isJobMember(feed.job(jobId), peerId, registry),
  })
  const tellEntry = (body: Uint8Array) => {
    const entry = topicEntrySchema.safeParse(parseJson(body, limits.gossipMessageBytesMax))
    if (entry.success) progress.onEntry(entry.data)
  }
  const offEntry = topic.onEntry(({ body }) => tellEntry(body))
  const offView = feed.onChange((view) => view.jobId === jobId && progress.onView(view))
  try {
    const known = feed.job(jobId)
    if (known !== undefined) progress.onView(known)
    await topic.sync(signal).catch(() => undefined) // nobody may be there yet; gossip brings the rest
    return await feed.waitFor(jobId, isOver, { signal })
  } finally {
    offEntry()
    offView()
    await topic.close()
  }
}
