import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { u32be } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { createPins } from '#p2p/pins.ts'
import { cidOfDigest } from '#wire/cid.ts'
import { bytesOf, connect, createWorld, digest, rejection, text } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

const mib = 1_048_576
const pullProtocol = '/quern/block/1'
const absentCid = cidOfDigest(`0x${'12'.repeat(32)}`)

async function pair(options: { sizeBytesMax?: number } = {}) {
  const [a, b] = [await world.node(), await world.node()]
  await connect(b, a)
  const directory = await world.directory()
  const source = await world.artifacts(a, { directory })
  const sink = await world.artifacts(b, options)
  return { a, b, directory, source, sink }
}

async function blockFiles(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'blocks'), { recursive: true })
  return names
    .filter((name) => name.endsWith('.data'))
    .map((name) => join(directory, 'blocks', name))
}

describe('get', () => {
  test.each([0, 1, mib - 1, mib, mib + 1, 3 * mib + 5])('moves %i bytes', async (sizeBytes) => {
    const { source, sink } = await pair()
    const bytes = bytesOf(sizeBytes)
    const cid = await source.add(bytes)
    expect(digest(await sink.get(cid))).toBe(digest(bytes))
    expect(await sink.has(cid)).toBe(true)
  })

  test('a file of up to 1 MiB has the CID of its SHA-256, as the wire says', async () => {
    const { source } = await pair()
    const bytes = bytesOf(1_000)
    const hash = createHash('sha256').update(bytes).digest('hex')
    expect(await source.add(bytes)).toBe(cidOfDigest(`0x${hash}`))
  })

  test('gives the same CID for bytes, a file and a file of a directory', async () => {
    const { source } = await pair()
    const bytes = bytesOf(2 * mib)
    const path = join(await world.directory(), 'in')
    await writeFile(path, bytes)
    const cid = await source.add(bytes)
    expect(await source.addFile(path)).toBe(cid)
    const directoryCid = await source.addDirectory([{ name: 'model', bytes }])
    expect(await source.list(directoryCid)).toEqual([
      { name: 'model', cid, sizeBytes: bytes.length },
    ])
  })

  test('reads files of a directory by their path', async () => {
    const { source, sink } = await pair()
    const files = [
      { name: 'manifest.json', bytes: text('{}') },
      { name: 'model.safetensors', bytes: bytesOf(mib + 1) },
    ]
    const cid = await source.addDirectory(files)
    for (const { name, bytes } of files)
      expect(digest(await sink.get(`${cid}/${name}`))).toBe(digest(bytes))
    expect((await sink.list(cid)).map(({ name }) => name)).toEqual(files.map(({ name }) => name))
    expect(await rejection(sink.get(`${cid}/other`, { timeoutMs: 500 }))).toMatch(/^ARTIFACT_/)
    expect(await rejection(sink.get(cid))).toBe('ARTIFACT_INVALID')
  })

  test.each([[[]], [['a', 'a']], [['../a']], [['a/b']], [['']]])(
    'ARTIFACT_INVALID for a directory of %j',
    async (names) => {
      const { source } = await pair()
      const files = names.map((name) => ({ name, bytes: text('x') }))
      expect(await rejection(source.addDirectory(files))).toBe('ARTIFACT_INVALID')
    },
  )

  test('ARTIFACT_MISSING when nobody has it, within the time allowed, and the own signal first', async () => {
    const { sink } = await pair()
    const began = Date.now()
    expect(await rejection(sink.get(absentCid, { timeoutMs: 300 }))).toBe('ARTIFACT_MISSING')
    expect(Date.now() - began).toBeLessThan(5_000)
    const stopping = new AbortController()
    const getting = sink.get(absentCid, { signal: stopping.signal })
    stopping.abort(new AppError({ code: 'STOPPED' }))
    expect(await rejection(getting)).toBe('STOPPED')
  })

  test('ARTIFACT_MISSING also in a network of one', async () => {
    const alone = await world.artifacts(await world.node())
    expect(await rejection(alone.get(absentCid, { timeoutMs: 300 }))).toBe('ARTIFACT_MISSING')
  })

  test('leaves out providers that are no peers, or cannot be reached', async () => {
    const { source, sink } = await pair()
    const gone = await world.node()
    await gone.stop()
    const bytes = bytesOf(1_000)
    const cid = await source.add(bytes)
    const providers = ['', 'not a peer', gone.peerId]
    expect(digest(await sink.get(cid, { providers }))).toBe(digest(bytes))
  })

  test('waits for an artifact that a peer gets later', async () => {
    const { source, sink } = await pair()
    const bytes = bytesOf(1_000)
    const hash = createHash('sha256').update(bytes).digest('hex')
    const getting = sink.get(cidOfDigest(`0x${hash}`), { timeoutMs: 20_000 })
    await sink.get(absentCid, { timeoutMs: 200 }).catch(() => undefined) // by now the first has asked
    await source.add(bytes)
    expect(digest(await getting)).toBe(digest(bytes))
  })

  test.each(['not a cid', 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG'])(
    'CID_INVALID for %s',
    async (cid) => {
      const { sink } = await pair()
      expect(await rejection(sink.get(cid))).toBe('CID_INVALID')
    },
  )

  test('ARTIFACT_TOO_LARGE from the root alone', async () => {
    const { source, sink } = await pair()
    const cid = await source.add(bytesOf(4 * mib))
    const getting = sink.get(cid, { sizeBytesMax: 4 * mib - 1 })
    expect(await rejection(getting)).toBe('ARTIFACT_TOO_LARGE')
    expect(sink.usedBytes()).toBeLessThan(10_000) // no leaf was fetched
    expect((await sink.get(cid, { sizeBytesMax: 4 * mib })).length).toBe(4 * mib)
  })
})

describe('getFile', () => {
  test('writes the file, and nothing when it fails', async () => {
    const { source, sink } = await pair()
    const bytes = bytesOf(3 * mib)
    const cid = await source.add(bytes)
    const directory = await world.directory()
    const path = join(directory, 'deep', 'out')
    await sink.getFile(cid, path)
    expect(digest(await readFile(path))).toBe(digest(bytes))
    expect(await rejection(sink.getFile(cid, path))).toBe('FILE_EXISTS')
    const none = sink.getFile(absentCid, join(directory, 'none'), { timeoutMs: 200 })
    expect(await rejection(none)).toBe('ARTIFACT_MISSING')
    expect(await readdir(directory)).toEqual(['deep'])
    expect(await readdir(join(directory, 'deep'))).toEqual(['out'])
  })

  test('FILE_UNREADABLE when there is nothing to add', async () => {
    const { source } = await pair()
    expect(await rejection(source.addFile('/nowhere/at/all'))).toBe('FILE_UNREADABLE')
  })
})

describe('blocks', () => {
  test('come from each peer once, over the pull protocol alone while that works', async () => {
    const { a, source, sink } = await pair()
    const cid = await source.add(bytesOf(8 * mib))
    const opened = new Map<string, number>()
    const newStream = new Set<string>()
    for (const connection of a.libp2p.getConnections()) {
      const watch = connection.newStream.bind(connection)
      connection.newStream = (protocols, options) => {
        newStream.add(String(protocols))
        return watch(protocols, options)
      }
    }
    await sink.get(cid)
    for (const { streams } of a.libp2p.getConnections()) {
      for (const { protocol } of streams) opened.set(protocol, (opened.get(protocol) ?? 0) + 1)
    }
    expect(opened.get(pullProtocol)).toBe(1)
    expect([...newStream].filter((protocol) => protocol.includes('bitswap'))).toEqual([])
  })

  test('come over bitswap from a peer that does not serve the pull protocol', async () => {
    const { a, source, sink } = await pair()
    const bytes = bytesOf(2 * mib)
    const cid = await source.add(bytes)
    await a.libp2p.unhandle(pullProtocol)
    expect(digest(await sink.get(cid))).toBe(digest(bytes))
  })

  test('that a peer altered are thrown away, and fetched from another', async () => {
    const { b, source, sink } = await pair()
    const liar = await world.node()
    let lies = 0
    await liar.libp2p.handle(pullProtocol, (stream) => {
      stream.addEventListener('message', () => {
        lies += 1
        stream.send(u32be(5))
        stream.send(text('wrong'))
      })
    })
    await connect(b, liar)
    const bytes = bytesOf(3 * mib)
    const cid = await source.add(bytes)
    expect(digest(await sink.get(cid, { providers: [liar.peerId] }))).toBe(digest(bytes))
    expect(lies).toBe(1) // after the first lie it is not asked again
    expect(digest(await sink.get(cid))).toBe(digest(bytes))
  })

  test('of a peer that lies about the length, or never answers, come from another', async () => {
    const { b, source, sink } = await pair()
    const [huge, silent] = [await world.node(), await world.node()]
    await huge.libp2p.handle(pullProtocol, (stream) => void stream.send(u32be(0xffff_fff0)))
    await silent.libp2p.handle(pullProtocol, () => undefined)
    for (const node of [huge, silent]) await connect(b, node)
    const bytes = bytesOf(1_000)
    const cid = await source.add(bytes)
    const providers = [silent.peerId, huge.peerId]
    expect(digest(await sink.get(cid, { providers, timeoutMs: 8_000 }))).toBe(digest(bytes))
  })

  test('altered on disk are not served, and fetched again', async () => {
    const { directory, source, sink } = await pair()
    const bytes = bytesOf(2 * mib)
    const cid = await source.add(bytes)
    await sink.get(cid)
    for (const path of await blockFiles(directory)) {
      const block = await readFile(path)
      block[0] = (block[0] as number) ^ 1
      await writeFile(path, block)
    }
    expect(digest(await source.get(cid))).toBe(digest(bytes)) // from the sink
    const found = await Promise.all((await blockFiles(directory)).map((path) => stat(path)))
    const usedBytes = found.reduce((sum, { size }) => sum + size, 0)
    expect(source.usedBytes()).toBe(usedBytes)
  })
})

describe('the block store', () => {
  test('BLOCKSTORE_FULL at its limit, for own files and for fetched ones; what was there stays', async () => {
    const { source, sink } = await pair({ sizeBytesMax: 2 * mib })
    const kept = bytesOf(mib, 3)
    const keptCid = await sink.add(kept, { owner: 'job' })
    expect(await rejection(sink.add(bytesOf(2 * mib)))).toBe('BLOCKSTORE_FULL')
    const cid = await source.add(bytesOf(3 * mib))
    expect(await rejection(sink.get(cid))).toBe('BLOCKSTORE_FULL')
    expect(sink.usedBytes()).toBeLessThanOrEqual(2 * mib)
    expect((await sink.collect()).freedBytes).toBeGreaterThan(0)
    expect(digest(await sink.get(keptCid))).toBe(digest(kept))
    await sink.add(bytesOf(mib - 1, 4))
  })

  test('counts what is there after a restart, and serves it', async () => {
    const { a, directory, source, sink } = await pair()
    const bytes = bytesOf(2 * mib)
    const cid = await source.add(bytes)
    const usedBytes = source.usedBytes()
    await source.stop()
    const again = await world.artifacts(a, { directory })
    expect(again.usedBytes()).toBe(usedBytes)
    expect(digest(await sink.get(cid))).toBe(digest(bytes))
  })

  test('counts a block once, however often it is added', async () => {
    const { source } = await pair()
    const bytes = bytesOf(1_000)
    await Promise.all(Array.from({ length: 5 }, () => source.add(bytes)))
    expect(source.usedBytes()).toBe(1_000)
  })
})

describe('pins', () => {
  test('keep an artifact through a collection from the moment the call resolves', async () => {
    const { source, sink } = await pair()
    const [pinned, shared, loose] = [bytesOf(2 * mib, 1), bytesOf(3 * mib, 2), bytesOf(mib + 1, 3)]
    const pinnedCid = await source.add(pinned)
    await source.pin(pinnedCid, 'job-1')
    const sharedCid = await source.addDirectory([{ name: 'a', bytes: shared }], { owner: 'job-1' })
    await source.pin(sharedCid, 'job-2')
    const looseCid = await source.add(loose)

    await source.collect()
    expect(await source.has(pinnedCid)).toBe(true)
    expect(await source.has(sharedCid)).toBe(true)
    expect(await source.has(looseCid)).toBe(false)
    expect(digest(await sink.get(pinnedCid))).toBe(digest(pinned))

    await source.unpinOwner('job-1')
    const before = source.usedBytes()
    const { freedBytes } = await source.collect()
    expect(freedBytes).toBeGreaterThanOrEqual(pinned.length)
    expect(source.usedBytes()).toBe(before - freedBytes)
    expect(await source.has(pinnedCid)).toBe(false)
    expect(await source.has(sharedCid)).toBe(true)

    await source.unpinOwner('job-2')
    await source.unpinOwner('job-2')
    await source.collect()
    expect(source.usedBytes()).toBe(0)
  })

  test('of a fetch hold although a collection runs at the same time', async () => {
    const { source, sink } = await pair()
    const bytes = bytesOf(6 * mib)
    const cid = await source.add(bytes)
    const collecting: Promise<unknown>[] = []
    const fetching = sink.get(cid, { owner: 'job' })
    for (let i = 0; i < 3; i += 1) collecting.push(sink.collect())
    expect(digest(await fetching)).toBe(digest(bytes))
    await Promise.all(collecting)
    await source.stop()
    expect(digest(await sink.get(cid))).toBe(digest(bytes))
  })

  test('are on disk', async () => {
    const { a, directory, source } = await pair()
    const cid = await source.add(bytesOf(mib + 1), { owner: 'job' })
    await source.stop()
    const again = await world.artifacts(a, { directory })
    await again.collect()
    expect(await again.has(cid)).toBe(true)
  })

  test.each(['', '.', '..', '../x', 'a/b', 'x'.repeat(129)])(
    'PIN_OWNER_INVALID for %j',
    async (owner) => {
      const pins = createPins(await world.directory())
      expect(await rejection(pins.add('cid', owner))).toBe('PIN_OWNER_INVALID')
    },
  )
})
