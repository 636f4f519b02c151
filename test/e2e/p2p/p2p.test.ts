import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { realClock } from '#cli/real-clock.ts'
import { type PeerSetup, type RemotePeer, startPeer } from './remote.ts'

const jobId = `0x${'cd'.repeat(32)}`
const peers: RemotePeer[] = []
const directories: string[] = []

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.kill()))
  for (const path of directories.splice(0)) await rm(path, { recursive: true, force: true })
})

async function start(setup: Partial<PeerSetup> = {}): Promise<RemotePeer & { directory: string }> {
  const directory = setup.directory ?? (await mkdtemp(join(tmpdir(), 'quern-e2e-')))
  directories.push(directory)
  const peer = await startPeer({ bootstrap: [], jobId, strangers: [], ...setup, directory })
  peers.push(peer)
  return { ...peer, directory }
}

async function until(fact: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); await realClock.sleep(50)) {
    if (Date.now() > end) throw new Error(`never came true: ${fact}`)
  }
}

const inTopic = (peer: RemotePeer, count: number) => async () =>
  (await peer.peers()).inTopic === count

describe('peers in processes of their own', () => {
  test('move 20 MB, verified, end by themselves, and serve what they fetched after a restart', async () => {
    const source = await start()
    const sink = await start({ bootstrap: [source.address] })
    const { cid, digest } = await source.add({ sizeBytes: 20_000_000, seed: 1 })
    await until('connected', async () => (await sink.peers()).connected === 1)
    expect(await sink.get({ cid, providers: [source.peerId] })).toBe(digest)
    expect(await source.stop()).toBe(0)
    expect(await sink.stop()).toBe(0)

    const again = await start({ directory: sink.directory })
    expect(again.peerId).toBe(sink.peerId)
    const third = await start({ bootstrap: [again.address] })
    expect(await third.get({ cid })).toBe(digest)
  })

  test('a late joiner gets the log of an author that was killed, who then goes on with it', async () => {
    const author = await start()
    const keeper = await start({ bootstrap: [author.address] })
    await until('they met', inTopic(author, 1))
    const texts: string[] = []
    for (let i = 0; i < 50; i += 1) {
      texts.push(`entry ${i}`)
      await author.append({ text: `entry ${i}` })
    }
    const appending = Promise.allSettled(
      Array.from({ length: 200 }, (_, i) => author.append({ text: `late ${i}` })),
    )
    await realClock.sleep(20)
    await author.kill() // somewhere in the middle of the 200
    const acknowledged = (await appending).filter(({ status }) => status === 'fulfilled').length

    const late = await start({ bootstrap: [keeper.address] })
    await until('the late one has what the other has', async () => {
      const [theirs, ours] = [await keeper.entries(), await late.entries()]
      return theirs.length >= 50 && ours.length === theirs.length
    })
    const replayed = await late.entries()
    expect(replayed.slice(0, 50).map(({ body }) => body)).toEqual(texts)
    expect(replayed.every((entry) => entry.author === author.peerId)).toBe(true)

    const again = await start({ directory: author.directory, bootstrap: [keeper.address] })
    const kept = await again.entries()
    expect(kept.length).toBeGreaterThanOrEqual(50 + acknowledged)
    await until('they met again', inTopic(again, 1))
    const sequence = await again.append({ text: 'after the restart' })
    expect(sequence).toBeGreaterThanOrEqual(kept.length)
    await until('all are equal again', async () => {
      const logs = await Promise.all([again, keeper, late].map((peer) => peer.entries()))
      const numbers = logs.map((log) =>
        log.map((entry) => entry.sequence).toSorted((a, b) => a - b),
      )
      return numbers.every((one) => one.join() === numbers[0]?.join() && one.includes(sequence))
    })
  })

  const isLong = process.env['QUERN_LONG'] === '1'
  test('a peer that computes for 25 s without answering stays connected', async ({ skip }) => {
    if (!isLong) skip('25 s of computing; QUERN_LONG=1 runs it')
    const busy = await start()
    const other = await start({ bootstrap: [busy.address] })
    await until('connected', async () => (await other.peers()).connected === 1)
    let isBusy = true
    const blocking = busy.block({ durationMs: 25_000 }).then(() => (isBusy = false))
    const connected: number[] = []
    for (; isBusy; await realClock.sleep(500)) connected.push((await other.peers()).connected)
    await blocking
    expect(connected.length).toBeGreaterThan(20)
    expect(new Set(connected)).toEqual(new Set([1]))
  })

  test('a peer that the job was not assigned to is not heard, neither by gossip nor by replay', async () => {
    const stranger = await start()
    const strangers = [stranger.peerId]
    const worker = await start({ bootstrap: [stranger.address], strangers })
    const other = await start({ bootstrap: [worker.address, stranger.address], strangers })
    await until('all follow', inTopic(worker, 2))
    await until('the stranger too', inTopic(stranger, 2))
    await stranger.append({ text: 'spam' })
    await worker.append({ text: 'work' })
    await other.append({ text: 'more work' })
    await until('the stranger reads all', async () => (await stranger.entries()).length === 3)
    await until('the others have each other', async () => {
      const logs = await Promise.all([worker, other].map((peer) => peer.entries()))
      return logs.every((log) => log.length === 2)
    })
    for (const peer of [worker, other]) {
      const authors = (await peer.entries()).map(({ author }) => author)
      expect(authors.toSorted()).toEqual([worker.peerId, other.peerId].toSorted())
    }
  })
})
