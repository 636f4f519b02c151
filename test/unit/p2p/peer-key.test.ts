import { readFile, stat, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { loadPeerKey } from '#p2p/peer-key.ts'
import { createWorld, rejection } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

describe('loadPeerKey', () => {
  test('makes a key once, for its owner only', async () => {
    const path = `${await world.directory()}/a/peer.key`
    const made = await loadPeerKey(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await loadPeerKey(path)).equals(made)).toBe(true)
  })

  test('makes another where the first write was cut before a byte was written', async () => {
    const path = `${await world.directory()}/peer.key`
    await writeFile(path, '')
    await loadPeerKey(path)
    expect((await readFile(path)).length).toBeGreaterThan(0)
  })

  test('PEER_KEY_INVALID instead of a new identity when the file is damaged', async () => {
    const path = `${await world.directory()}/peer.key`
    await writeFile(path, 'not a key')
    expect(await rejection(loadPeerKey(path))).toBe('PEER_KEY_INVALID')
    expect(await readFile(path, 'utf8')).toBe('not a key')
  })
})
