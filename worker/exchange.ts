import type { LocalAccount } from 'viem'
import { type SigningPlace, type TypedName, signerOf, signTyped } from '#chain/client/typed.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import type { Logger } from '#base/log.ts'
import type { JobEntry, JobTopic } from '#p2p/network.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { digestOfCid } from '#wire/cid.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'
import { type TopicEntry, type UpdateEntry, type VoteEntry, topicEntrySchema } from '#wire/topic.ts'
import type { AttemptPlace } from './place.ts'

export type RoundEntry = UpdateEntry | VoteEntry

/** One attempt's words between its workers: signed when they go out, verified when they come in. */
export interface Exchange {
  announceUpdate(
    update: Omit<UpdateEntry, 'kind' | 'attempt' | 'worker' | 'signature'>,
  ): Promise<void>
  vote(vote: { round: number; view: number; list: readonly ListedUpdate[] }): Promise<VoteEntry>
  announceSegment(segment: number, recordHash: Hex): Promise<void>
  announceOpening(opening: {
    segment: number
    step: number
    cid: string
    sizeBytes: number
  }): Promise<void>
  /** Resolves when everything that had arrived before the call is verified and delivered. */
  settled(): Promise<void>
  close(): void
}

export interface ExchangeDeps {
  readonly topic: JobTopic
  /** The own peer: what it wrote was signed here. */
  readonly peerId: string
  readonly account: LocalAccount
  readonly signing: SigningPlace
  /** The operator key of an owner; undefined when there is none. */
  readonly operatorOf: (owner: Hex) => Promise<Hex | undefined>
  readonly log: Logger
}

/** Opens the exchange: entries of this attempt, those of the log first, go to `onEntry` one by one. */
export function openExchange(
  deps: ExchangeDeps,
  place: AttemptPlace,
  onEntry: (entry: RoundEntry) => void,
): Exchange {
  const { topic } = deps
  const { jobId, attempt, self: worker } = place
  let last: Promise<void> = Promise.resolve()
  let isClosed = false

  function take({ author, body }: JobEntry): void {
    last = last
      .then(() => verify(author, body))
      .catch((error: unknown) => {
        deps.log.error({ err: error, jobId }, 'topic entry not handled')
      })
  }

  async function verify(author: string, body: Uint8Array): Promise<void> {
    const entry = parseEntry(body)
    if (isClosed || entry?.attempt !== attempt) return
    if (entry.kind !== 'update' && entry.kind !== 'vote') return
    if (!place.active.includes(entry.worker)) return
    const isOwn = entry.worker === worker && author === deps.peerId
    if (isOwn || (await isSigned(entry))) onEntry(entry)
  }

  async function isSigned(entry: RoundEntry): Promise<boolean> {
    const operator = await deps.operatorOf(entry.worker)
    const typed = typedOf(jobId, entry)
    return (
      operator !== undefined && (await signerOf(deps.signing, typed, entry.signature)) === operator
    )
  }

  async function publish(entry: TopicEntry): Promise<void> {
    await topic.append(canonicalBytes(entry))
  }

  async function sign<T extends Unsigned>(entry: T): Promise<T & { signature: Hex }> {
    const typed = typedOf(jobId, entry)
    return { ...entry, signature: await signTyped(deps.account, deps.signing, typed) }
  }

  const unlisten = topic.onEntry(take)
  for (const entry of topic.entries()) take(entry)

  return {
    announceUpdate: async (update) =>
      publish(await sign({ kind: 'update', attempt, worker, ...update })),
    async vote({ round, view, list }) {
      const entry = await sign({ kind: 'vote', attempt, worker, round, view, list: [...list] })
      await publish(entry)
      return entry
    },
    announceSegment: (segment, recordHash) =>
      publish({ kind: 'segment', attempt, worker, segment, recordHash }),
    announceOpening: (opening) => publish({ kind: 'opening', attempt, worker, ...opening }),
    settled: () => last,
    close() {
      isClosed = true
      unlisten()
    },
  }
}

type Unsigned =
  | (Omit<UpdateEntry, 'signature'> & { kind: 'update' })
  | (Omit<VoteEntry, 'signature'> & { kind: 'vote' })

/** The EIP-712 message behind an update or a vote. */
function typedOf(
  jobId: Hex,
  entry: Unsigned,
): { type: TypedName; message: Record<string, unknown> } {
  const { attempt, round } = entry
  if (entry.kind === 'vote') {
    return {
      type: 'RoundList',
      message: { jobId, attempt, round, listHash: listHashOf(entry.list) },
    }
  }
  const { updateRoot, cid } = entry
  const cidDigest = digestOfCid(cid)
  return { type: 'RoundUpdate', message: { jobId, attempt, round, updateRoot, cidDigest } }
}

function parseEntry(body: Uint8Array): TopicEntry | undefined {
  try {
    return topicEntrySchema.parse(parseJson(body))
  } catch {
    return undefined // not in the form of an entry: its author's own loss
  }
}
