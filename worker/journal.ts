import { z } from 'zod'
import { concatBytes, u32be } from '#base/bytes.ts'
import { fromHex } from '#base/hex.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { limits } from '#wire/limits.ts'
import { count, hash32 } from '#wire/primitives.ts'
import type { Hex } from '#wire/primitives.ts'
import {
  type Leaf,
  leafSchema,
  listedUpdateSchema,
  type RoundList,
  roundListSchema,
  type RoundSteps,
  roundStepsSchema,
} from '#wire/segment.ts'

const castVoteSchema = z.object({
  round: count,
  view: count,
  list: z.array(listedUpdateSchema).max(limits.workersMax),
})
export type CastVote = z.infer<typeof castVoteSchema>

/** What survives a crash of one attempt. Every write is on disk when it resolves. */
export interface AttemptJournal {
  initial(): Leaf | undefined
  setInitial(leaf: Leaf): Promise<void>
  /** The list that was signed in a round: written before the signature leaves this machine. */
  vote(round: number): CastVote | undefined
  setVote(vote: CastVote): Promise<void>
  list(round: number): RoundList | undefined
  setList(list: RoundList): Promise<void>
  /** What was done in a round; rounds are finished in order. */
  steps(round: number): RoundSteps | undefined
  setSteps(steps: RoundSteps): Promise<void>
}

const keptSchema = z.object({ jobId: hash32, untilTime: count })
/** A job whose artifacts and files are kept until some time, in Unix seconds; 0 while it is open. */
export type KeptJob = z.infer<typeof keptSchema>

/** The journal of all jobs of a worker. */
export interface Journal {
  attempt(jobId: Hex, attempt: number): AttemptJournal
  kept(): Promise<readonly KeptJob[]>
  keep(kept: KeptJob): Promise<void>
  forget(jobId: Hex): Promise<void>
}

const keptMax = 10_000
const attemptsMax = 256
const zeroJob: Hex = `0x${'00'.repeat(32)}`

type RoundKey = readonly [jobId: Hex, attempt: number, round: number]

/** Creates the journal in a store of its own. */
export function createJournal(store: KeyValueStore): Journal {
  const votes = roundTable(store, 1, castVoteSchema)
  const lists = roundTable(store, 2, roundListSchema)
  const steps = roundTable(store, 3, roundStepsSchema)
  const initials = roundTable(store, 4, leafSchema)
  const keeps = createTable<Hex, KeptJob>(store, {
    prefix: 5,
    key: fromHex,
    encode: canonicalBytes,
    decode: (bytes) => keptSchema.parse(parseJson(bytes)),
  })
  const tables = [votes, lists, steps, initials]
  const sync = { sync: true }

  function attempt(jobId: Hex, number: number): AttemptJournal {
    const at = (round: number): RoundKey => [jobId, number, round]
    return {
      initial: () => initials.get(at(0)),
      setInitial: (leaf) => store.batch([initials.put(at(0), leaf)], sync),
      vote: (round) => votes.get(at(round)),
      setVote: (vote) => store.batch([votes.put(at(vote.round), vote)], sync),
      list: (round) => lists.get(at(round)),
      setList: (list) => store.batch([lists.put(at(list.round), list)], sync),
      steps: (round) => steps.get(at(round)),
      setSteps: (done) => store.batch([steps.put(at(done.round), done)], sync),
    }
  }

  async function forget(jobId: Hex): Promise<void> {
    const first = concatBytes(fromHex(jobId), u32be(0))
    const end = concatBytes(fromHex(jobId), u32be(attemptsMax))
    for (const [i] of tables.entries()) {
      const prefix = Uint8Array.of(i + 1)
      const range = { gte: concatBytes(prefix, first), lt: concatBytes(prefix, end) }
      const keys = await Array.fromAsync(store.entries(range), ([key]) => key)
      await store.batch(keys.map((key) => ({ key, value: undefined })))
    }
    await store.batch([keeps.delete(jobId)], sync)
  }

  return {
    attempt,
    kept: () => Array.fromAsync(keeps.values(zeroJob, undefined, { limit: keptMax })),
    keep: (kept) => store.batch([keeps.put(kept.jobId, kept)], sync),
    forget,
  }
}

function roundTable<T>(store: KeyValueStore, prefix: number, schema: z.ZodType<T>) {
  return createTable<RoundKey, T>(store, {
    prefix,
    key: ([jobId, attempt, round]) => concatBytes(fromHex(jobId), u32be(attempt), u32be(round)),
    encode: canonicalBytes,
    decode: (bytes) => schema.parse(parseJson(bytes)),
  })
}
