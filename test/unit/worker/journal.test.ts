import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLevelStore } from '#store/level.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps } from '#wire/segment.ts'
import { createJournal } from '#worker/journal.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const worker: Hex = `0x${'a1'.repeat(20)}`
const jobId = hash('10')
const leaf: Leaf = { p: hash('01'), m: hash('02'), v: hash('03'), step: 4, transcript: hash('05') }
const listed = { worker, updateRoot: hash('06'), cid: `bafkrei${'a'.repeat(52)}` }
const list: RoundList = { round: 7, list: [listed], signatures: [], isClosedOnChain: true }
const steps: RoundSteps = { round: 7, listHash: hash('08'), steps: [leaf], aggregated: leaf }

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quern-journal-'))
})
afterEach(async () => rm(directory, { recursive: true, force: true }))

describe('createJournal', () => {
  test('gives back after reopening what was written, each attempt its own', async () => {
    const store = await openLevelStore(directory)
    const written = createJournal(store).attempt(jobId, 1)
    await written.setInitial(leaf)
    await written.setVote({ round: 7, view: 2, list: [listed] })
    await written.setList(list)
    await written.setSteps(steps)
    await store.close()

    const again = await openLevelStore(directory)
    const journal = createJournal(again)
    const attempt = journal.attempt(jobId, 1)
    expect(attempt.initial()).toEqual(leaf)
    expect(attempt.vote(7)).toEqual({ round: 7, view: 2, list: [listed] })
    expect(attempt.list(7)).toEqual(list)
    expect(attempt.steps(7)).toEqual(steps)
    expect(attempt.steps(6)).toBeUndefined()
    expect(journal.attempt(jobId, 0).list(7)).toBeUndefined()
    await again.close()
  })

  test('forgets one job and keeps the other', async () => {
    const store = await openLevelStore(directory)
    const journal = createJournal(store)
    const others = hash('11')
    for (const id of [jobId, others]) {
      await journal.keep({ jobId: id, untilTime: 0 })
      await journal.attempt(id, 0).setList(list)
      await journal.attempt(id, 3).setSteps(steps)
    }
    await journal.forget(jobId)
    expect(journal.attempt(jobId, 0).list(7)).toBeUndefined()
    expect(journal.attempt(jobId, 3).steps(7)).toBeUndefined()
    expect(journal.attempt(others, 0).list(7)).toEqual(list)
    expect(await journal.kept()).toEqual([{ jobId: others, untilTime: 0 }])
    await store.close()
  })
})
