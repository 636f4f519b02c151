import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { u32be } from '#base/bytes.ts'
import { codeOf } from '#base/error.ts'
import { createRng } from '#base/rng.ts'
import type { KeyValueStore, Range } from '#store/kv.ts'
import { openLevelReader, openLevelStore } from '#store/level.ts'
import { createMemoryStore } from '#store/memory.ts'
import { createTable } from '#store/table.ts'

const directories: string[] = []
afterAll(() => Promise.all(directories.map((path) => rm(path, { recursive: true, force: true }))))

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'quern-store-'))
  directories.push(path)
  return path
}

async function list(store: KeyValueStore, range: Range): Promise<string[]> {
  const found: string[] = []
  for await (const [key, value] of store.entries(range)) {
    found.push(`${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`)
  }
  return found
}

describe('stores', () => {
  test.each([1, 2])('on disk and in memory do the same (seed %i)', async (seed) => {
    const rng = createRng(seed)
    const disk = await openLevelStore(await directory())
    const memory = createMemoryStore()
    const key = () => u32be(rng.below(60) * 0x01000000 + rng.below(2))
    for (let round = 0; round < 40; round += 1) {
      const writes = Array.from({ length: 10 }, () => ({
        key: key(),
        value: rng.below(3) === 0 ? undefined : u32be(rng.nextU32()),
      }))
      await Promise.all([disk.batch(writes, { sync: round % 2 === 0 }), memory.batch(writes)])
      const [gte, lt] = [key(), key()]
      const probe = key()
      expect(Buffer.from(disk.get(probe) ?? []).equals(Buffer.from(memory.get(probe) ?? []))).toBe(
        true,
      )
      for (const range of [
        { gte, lt },
        { gte, lt, reverse: true },
        { gte, lt, limit: 3 },
      ]) {
        expect(await list(disk, range)).toEqual(await list(memory, range))
      }
    }
    await disk.close()
  })

  test('keep what was written over a restart', async () => {
    const path = await directory()
    const first = await openLevelStore(path)
    await first.batch([{ key: u32be(1), value: u32be(2) }], { sync: true })
    await first.close()
    const second = await openLevelStore(path)
    expect(second.get(u32be(1))).toEqual(u32be(2))
    expect(second.get(u32be(3))).toBeUndefined()
    await second.close()
  })

  test('a reader sees one moment until it is told to look again', async () => {
    const path = await directory()
    const store = await openLevelStore(path)
    await store.batch([{ key: u32be(1), value: u32be(10) }])
    const reader = await openLevelReader(path)
    const change = [
      { key: u32be(1), value: u32be(11) },
      { key: u32be(2), value: u32be(20) },
    ]
    await store.batch(change)
    const all = { gte: u32be(0), lt: u32be(9) }
    expect(reader.get(u32be(1))).toEqual(u32be(10))
    expect(await list(reader, all)).toEqual(['00000001=0000000a'])
    const begun = reader.entries(all)[Symbol.asyncIterator]()
    const first = begun.next()
    reader.refresh()
    await first
    expect((await begun.next()).done).toBe(true)
    expect(reader.get(u32be(1))).toEqual(u32be(11))
    expect(await list(reader, all)).toEqual(await list(store, all))
    expect(await reader.batch(change).catch(codeOf)).toBe('STORE_READ_ONLY')
    await reader.close()
    await store.close()
  })

  test('STORE_LOCKED: a directory that another holds', async () => {
    const path = await directory()
    const holder = await openLevelStore(path)
    expect(await openLevelStore(path).catch(codeOf)).toBe('STORE_LOCKED')
    await holder.close()
    await (await openLevelStore(path)).close()
  })
})

describe('createTable', () => {
  test('keeps tables apart and values in the order of their keys', async () => {
    const store = createMemoryStore()
    const schema = { key: u32be, encode: u32be, decode: (bytes: Uint8Array) => bytes[3] ?? 0 }
    const low = createTable<number, number>(store, { ...schema, prefix: 0x41 })
    const high = createTable<number, number>(store, { ...schema, prefix: 0x42 })
    await store.batch([low.put(2, 20), low.put(1, 10), low.put(300, 30), high.put(1, 99)])
    const all = async (from: number, to?: number) => {
      const found: number[] = []
      for await (const value of low.values(from, to)) found.push(value)
      return found
    }
    expect(await all(0)).toEqual([10, 20, 30])
    expect(await all(2, 300)).toEqual([20])
    expect([low.get(1), high.get(1), high.get(2)]).toEqual([10, 99, undefined])
    await store.batch([low.delete(1)])
    expect([low.get(1), high.get(1)]).toEqual([undefined, 99])
  })
})
