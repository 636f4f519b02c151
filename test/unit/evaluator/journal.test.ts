import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { zeroHash } from '#compute/train/commit.ts'
import { type JournalEntry, createJournal } from '#evaluator/journal.ts'
import { openLevelStore } from '#store/level.ts'
import type { Hex } from '#wire/primitives.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const jobId = hash('a1')
const entry: JournalEntry = {
  jobId,
  attempt: 0,
  verdict: {
    modelHash: hash('aa'),
    modelCidDigest: hash('ab'),
    metricMicros: -12_345_678n,
    segments: (1n << 127n) + 5n,
    guiltyMask: 0,
    withheldMask: 0,
    lazyMask: 0,
    evidenceDigest: zeroHash,
  },
  salt: hash('51'),
  heldOutKey: hash('4e'),
}

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quern-journal-'))
})
afterEach(() => rm(directory, { recursive: true }))

describe('createJournal', () => {
  test('gives back every bit of a verdict after the process is gone', async () => {
    const store = await openLevelStore(directory)
    await createJournal(store).write(entry)
    await store.close()
    const again = await openLevelStore(directory)
    const journal = createJournal(again)
    expect(journal.entry(jobId, 0)).toEqual(entry)
    expect(journal.entry(jobId, 1)).toBeUndefined()
    expect(journal.entry(hash('a2'), 0)).toBeUndefined()
    await again.close()
  })

  test('forgets a job with all its attempts, and no other', async () => {
    const store = await openLevelStore(directory)
    const journal = createJournal(store)
    for (const attempt of [0, 1]) await journal.write({ ...entry, attempt })
    await journal.write({ ...entry, jobId: hash('a2') })
    await journal.keep({ jobId, untilTime: 0 })
    await journal.keep({ jobId, untilTime: 77 })
    await journal.keep({ jobId: hash('a2'), untilTime: 0 })
    expect(await journal.kept()).toEqual([
      { jobId, untilTime: 77 },
      { jobId: hash('a2'), untilTime: 0 },
    ])
    await journal.forget(jobId)
    expect([journal.entry(jobId, 0), journal.entry(jobId, 1)]).toEqual([undefined, undefined])
    expect(journal.entry(hash('a2'), 0)).toBeDefined()
    expect(await journal.kept()).toEqual([{ jobId: hash('a2'), untilTime: 0 }])
    await store.close()
  })
})
