import { z } from 'zod'
import type { Verdict } from '#chain/client/view.ts'
import { concatBytes, u32be } from '#base/bytes.ts'
import { fromHex } from '#base/hex.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { count, hash32 } from '#wire/primitives.ts'
import type { Hex } from '#wire/primitives.ts'

const decimal = z
  .string()
  .regex(/^-?[0-9]{1,40}$/)
  .transform((text) => BigInt(text))

const entrySchema = z.object({
  jobId: hash32,
  attempt: count,
  verdict: z.object({
    modelHash: hash32,
    modelCidDigest: hash32,
    metricMicros: decimal,
    segments: decimal,
    guiltyMask: count,
    withheldMask: count,
    lazyMask: count.default(0),
    evidenceDigest: hash32,
  }),
  salt: hash32,
  heldOutKey: hash32,
})

/** A verdict that this evaluator has committed to, or is about to. */
export interface JournalEntry {
  readonly jobId: Hex
  readonly attempt: number
  readonly verdict: Verdict
  readonly salt: Hex
  readonly heldOutKey: Hex
}

/** A job whose artifacts are kept until some time. */
export interface Kept {
  readonly jobId: Hex
  /** Unix seconds; 0 while the job is open. */
  readonly untilTime: number
}

/** What must survive a crash: a commitment without its salt can never be revealed. */
export interface Journal {
  entry(jobId: Hex, attempt: number): JournalEntry | undefined
  /** On disk when it resolves. */
  write(entry: JournalEntry): Promise<void>
  /** Jobs whose artifacts are kept, by job id. */
  kept(): Promise<readonly Kept[]>
  keep(kept: Kept): Promise<void>
  /** Forgets a job: its entries and that its artifacts are kept. */
  forget(jobId: Hex): Promise<void>
}

const keptSchema = z.object({ jobId: hash32, untilTime: count })
const attemptsMax = 256
const keptMax = 10_000

/** Creates the journal in a store of its own. */
export function createJournal(store: KeyValueStore): Journal {
  const entries = createTable<readonly [Hex, number], JournalEntry>(store, {
    prefix: 1,
    key: ([jobId, attempt]) => concatBytes(fromHex(jobId), u32be(attempt)),
    encode: ({ verdict, ...rest }) =>
      canonicalBytes({
        ...rest,
        verdict: {
          ...verdict,
          metricMicros: verdict.metricMicros.toString(),
          segments: verdict.segments.toString(),
        },
      }),
    decode: (bytes) => entrySchema.parse(parseJson(bytes)),
  })
  const keeps = createTable<Hex, Kept>(store, {
    prefix: 2,
    key: fromHex,
    encode: canonicalBytes,
    decode: (bytes) => keptSchema.parse(parseJson(bytes)),
  })
  const firstJob: Hex = `0x${'00'.repeat(32)}`

  async function forget(jobId: Hex): Promise<void> {
    const attempts: number[] = []
    const range = [[jobId, 0] as const, [jobId, attemptsMax] as const] as const
    for await (const entry of entries.values(...range)) attempts.push(entry.attempt)
    const deletions = attempts.map((attempt) => entries.delete([jobId, attempt]))
    await store.batch([...deletions, keeps.delete(jobId)], { sync: true })
  }

  return {
    entry: (jobId, attempt) => entries.get([jobId, attempt]),
    write: (entry) =>
      store.batch([entries.put([entry.jobId, entry.attempt], entry)], { sync: true }),
    kept: () => Array.fromAsync(keeps.values(firstJob, undefined, { limit: keptMax })),
    keep: (kept) => store.batch([keeps.put(kept.jobId, kept)], { sync: true }),
    forget,
  }
}
