import { describe, expect, test } from 'vitest'
import { noopLogger } from '#base/log.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import { createMemoryStore } from '#store/memory.ts'
import type { Hex } from '#wire/primitives.ts'
import { createJournal } from '#worker/journal.ts'
import { createRetention } from '#worker/retention.ts'
import { stillFeed } from './fakes.ts'
import { sampleView } from './terms.ts'

const jobId: Hex = `0x${'01'.repeat(32)}`

describe('createRetention', () => {
  test('keeps an open job, then its artifacts for a while, then frees them once', async () => {
    const freed: string[] = []
    const artifacts = {
      unpinOwner: async (owner: string) => void freed.push(owner),
      collect: async () => ({ freedBytes: freed.push('collected') }),
    } as unknown as Artifacts
    const files = { remove: async (name: string) => void freed.push(name) } as unknown as Files
    const journal = createJournal(createMemoryStore())
    const views = [sampleView({ jobId, phase: 'running' })]
    const feed = stillFeed(views, { number: 1n, timestamp: 0n })
    const deps = { artifacts, feed, files, journal, log: noopLogger }
    const retention = createRetention(deps, { seconds: 100 })
    const sweepAt = (timestamp: bigint) => retention.sweep({ number: 1n, timestamp })

    await retention.begin(jobId)
    await sweepAt(10_000n)
    expect(await journal.kept()).toEqual([{ jobId, untilTime: 0 }])
    views[0] = sampleView({ jobId, phase: 'settled' })
    await sweepAt(20_000n)
    await sweepAt(20_099n)
    expect(freed).toEqual([])
    await sweepAt(20_100n)
    expect(freed).toEqual([`worker:${jobId}`, jobId, 'collected'])
    await sweepAt(30_000n)
    expect(freed).toHaveLength(3)
    expect(await journal.kept()).toEqual([])
  })
})
