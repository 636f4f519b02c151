import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { noopLogger } from '#base/log.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createFeed } from '#chain/node/feed.ts'
import type { Live, NewTransaction } from '#chain/node/rpc/live.ts'
import { createThreadedRpc } from '#chain/node/rpc/thread/server.ts'

const place = {
  directory: '',
  host: '127.0.0.1',
  port: 0,
  chainId: 78787,
  recorder: undefined,
  genesisRoot: '0x',
  founders: [],
  epochBlocks: 1,
  historyBlocks: undefined,
  clientVersion: '',
} as const

describe('createThreadedRpc', () => {
  test('a thread that ended is started again on the port that it had', async () => {
    const clock = createFakeClock()
    const blocks = createFeed<Payload>()
    const places: object[] = []
    let failures = 0
    const logger = {
      ...noopLogger,
      info: (fields: object) => void places.push(fields),
      error: () => void (failures += 1),
    }
    const added = createFeed<NewTransaction>()
    const file = new URL('./ending-thread.ts', import.meta.url)
    const rpc = createThreadedRpc({ live: {} as Live, blocks, added, clock, logger }, place, file)
    expect(await rpc.listen()).toBe(12_345)
    const startMs = clock.nowMs()
    blocks.emit({} as Payload)
    while (clock.sleepers() === 0) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(1_000)
    while (places.length < 2) await new Promise((resolve) => setImmediate(resolve))
    expect(places).toEqual([
      { port: 0, nowMs: startMs },
      { port: 12_345, nowMs: startMs + 1_000 },
    ])
    expect(failures).toBeGreaterThan(0)
    await rpc.close()
  })
})
