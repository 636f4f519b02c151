import type { JobTopic } from '#p2p/network.ts'
import { parseJson } from '#wire/canonical.ts'
import type { Hex } from '#wire/primitives.ts'
import {
  type AuditEntry,
  type OpeningEntry,
  type TopicEntry,
  topicEntrySchema,
} from '#wire/topic.ts'

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
  /** Whether every drawn evaluator, this one included, says that it had not. */
  wasMissedByAll(step: Step): boolean
}

const openingsMax = 4

/** Creates the reader of a topic. Entries of accounts other than the ones they speak for are skipped. */
export function createNotices(
  topic: Pick<JobTopic, 'entries'>,
  accountOfPeer: AccountOfPeer,
  options: {
    attempt: number
    evaluators: () => readonly Hex[]
    /** Takes what drawn evaluators say. */
    hear?: (entry: TopicEntry) => Promise<void>
  },
): Notices {
  const openings = new Map<string, OpeningEntry[]>()
  const served = new Set<string>()
  const missed = new Map<string, Set<Hex>>()
  let read = 0
  let updating: Promise<void> = Promise.resolve()

  /** One reading after another: several parts of an audit ask for it. */
  function update(): Promise<void> {
    const updated = updating.then(readOn)
    updating = updated.catch(() => undefined) // who asked hears of it
    return updated
  }

  async function readOn(): Promise<void> {
    for (const { author, body } of topic.entries().slice(read)) {
      await note(author, body)
      read += 1
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
    if (!('evaluator' in entry) || (await accountOfPeer(author)) !== entry.evaluator) return
    if (!options.evaluators().includes(entry.evaluator)) return
    if (entry.kind === 'audit') noteAudit(entry)
    await options.hear?.(entry)
  }

  function noteAudit(entry: AuditEntry): void {
    const key = keyOf(entry)
    if (entry.outcome !== 'withheld') served.add(key)
    else missed.set(key, (missed.get(key) ?? new Set()).add(entry.evaluator))
  }

  return {
    update,
    openingsOf: (step) => openings.get(keyOf(step)) ?? [],
    wasServed: (step) => served.has(keyOf(step)),
    wasMissedByAll(step) {
      const evaluators = missed.get(keyOf(step))
      return options.evaluators().every((evaluator) => evaluators?.has(evaluator) === true)
    },
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
