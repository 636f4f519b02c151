import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type Envelope, sealEnvelope } from '#p2p/envelope.ts'
import { openJobLog } from '#p2p/job-log.ts'
import { p2pLimits } from '#p2p/limits.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { bytesOf, createWorld } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

const seal = (author: Libp2pNetwork, sequence: number, sizeBytes = 100): Promise<Envelope> =>
  sealEnvelope(author, 'topic', { sequence, body: bytesOf(sizeBytes, sequence + 1) })

async function openLog() {
  const author = await world.node()
  const path = `${await world.directory()}/job/topic.log`
  const log = await openJobLog(path)
  world.later(() => log.close())
  return { author, path, log }
}

describe('openJobLog', () => {
  test('holds after reopening what was added before', async () => {
    const { author, path, log } = await openLog()
    for (const sequence of [0, 1, 2])
      expect(await log.add(await seal(author, sequence))).toBe('added')
    await log.close()
    const again = await openJobLog(path)
    world.later(() => again.close())
    expect(again.entries()).toEqual(log.entries())
    expect(again.missing()).toEqual({ [author.peerId]: 3 })
    expect(await again.add(await seal(author, 1))).toBe('known')
    expect(await again.add(await seal(author, 3))).toBe('added')
  })

  test('cuts off a torn tail of any length and goes on behind it', async () => {
    const { author, path, log } = await openLog()
    await log.add(await seal(author, 0))
    await log.add(await seal(author, 1))
    await log.close()
    const whole = await readFile(path)
    const firstBytes = whole.length / 2
    for (const kept of [firstBytes + 1, firstBytes + 7, firstBytes + 8, whole.length - 1]) {
      await writeFile(path, whole)
      await truncate(path, kept)
      const torn = await openJobLog(path)
      expect(torn.entries()).toHaveLength(1)
      expect((await stat(path)).size).toBe(firstBytes)
      await torn.add(await seal(author, 1))
      await torn.close()
      expect(await readFile(path)).toEqual(whole)
    }
  })

  test('ignores a record whose bytes were changed, and rubbish', async () => {
    const { author, path, log } = await openLog()
    await log.add(await seal(author, 0))
    await log.add(await seal(author, 1))
    await log.close()
    const whole = await readFile(path)
    whole[whole.length - 30] = (whole[whole.length - 30] as number) ^ 1
    await writeFile(path, whole)
    await appendFile(path, bytesOf(1_000))
    const damaged = await openJobLog(path)
    world.later(() => damaged.close())
    expect(damaged.entries().map(({ sequence }) => sequence)).toEqual([0])
  })

  test('the first entry of a number stays; another under the same number is known', async () => {
    const { author, log } = await openLog()
    await log.add(await seal(author, 0, 10))
    expect(await log.add(await seal(author, 0, 20))).toBe('known')
    expect(log.entries()[0]?.body.length).toBe(10)
  })

  test('tells the lowest missing number of each author, and what another lacks', async () => {
    const { author, log } = await openLog()
    const second = await world.node()
    for (const sequence of [0, 1, 3, 4]) await log.add(await seal(author, sequence))
    await log.add(await seal(second, 1))
    expect(log.missing()).toEqual({ [author.peerId]: 2, [second.peerId]: 0 })
    const numbers = log.since({ [author.peerId]: 3 }).map((entry) => [entry.author, entry.sequence])
    expect(numbers).toEqual([
      [author.peerId, 3],
      [author.peerId, 4],
      [second.peerId, 1],
    ])
  })

  test('is full for an author at its number of entries, and not for others', async () => {
    const { author, log } = await openLog()
    const last = p2pLimits.jobLogEntriesPerAuthorMax
    expect(await log.add(await seal(author, last - 1))).toBe('added')
    expect(await log.add(await seal(author, last))).toBe('full')
    expect(await log.add(await seal(await world.node(), 0))).toBe('added')
  })

  test('is full beyond its number of authors', async () => {
    const { author, log } = await openLog()
    const one = await seal(author, 0)
    for (let i = 0; i < p2pLimits.jobLogAuthorsMax; i += 1) {
      expect(await log.add({ ...one, author: `author ${i}` })).toBe('added')
    }
    expect(await log.add({ ...one, author: 'one more' })).toBe('full')
  })
})
