import type { JobTopic } from '#p2p/network.ts'
import { parseJson } from '#wire/canonical.ts'
import type { Hex } from '#wire/primitives.ts'
import { type OpeningEntry, topicEntrySchema } from '#wire/topic.ts'

/** Which account speaks through a peer, as the registry says; undefined for a stranger. */
export type AccountOfPeer = (peerId: string) => Promise<Hex | undefined>

interface Step {
  readonly worker: Hex
  readonly segment: number
  readonly step: number
}

/** What the job's topic says about the drawn steps of one attempt. */
export interface Notices {
  /** Reads what is new. */
  update(): Promise<void>
  /** Where a worker says the state before its step is. At most four places. */
  openingsOf(step: Step): readonly OpeningEntry[]
  /** Whether another evaluator says that it had the state. */
  wasServed(step: Step): boolean
}

const openingsMax = 4

/** Creates the reader of a topic. Entries of accounts other than the ones they speak for are skipped. */
export function createNotices(
  topic: Pick<JobTopic, 'entries'>,
  accountOfPeer: AccountOfPeer,
  options: { attempt: number; evaluators: () => readonly Hex[] },
): Notices {
  const openings = new Map<string, OpeningEntry[]>()
  const served = new Set<string>()
  let read = 0

  async function update(): Promise<void> {
    const fresh = topic.entries().slice(read)
    for (const { author, body } of fresh) {
      read += 1
      await note(author, body)
    }
  }

  async function note(author: string, body: Uint8Array): Promise<void> {
    const entry = entryOf(body)
    if (entry?.attempt !== options.attempt) return
    if (entry.kind === 'opening' && (await accountOfPeer(author)) === entry.worker) {
      const key = keyOf(entry)
      const known = openings.get(key) ?? []
      const isNew = !known.some(({ cid }) => cid === entry.cid)
      if (isNew && known.length < openingsMax) openings.set(key, [...known, entry])
    }
    if (entry.kind === 'audit' && entry.outcome !== 'withheld') {
      const isDrawn = options.evaluators().includes(entry.evaluator)
      if (isDrawn && (await accountOfPeer(author)) === entry.evaluator) served.add(keyOf(entry))
    }
  }

  return {
    update,
    openingsOf: (step) => openings.get(keyOf(step)) ?? [],
    wasServed: (step) => served.has(keyOf(step)),
  }
}

function keyOf({ worker, segment, step }: Step): string {
  return `${worker}/${segment}/${step}`
}

function entryOf(body: Uint8Array) {
  try {
    return topicEntrySchema.safeParse(parseJson(body)).data
  } catch {
    return undefined // not JSON: the author's own loss
  }
}
