import { createMPT } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { describe, expect, test } from 'vitest'
import { keccak256 } from '#base/crypto/keys.ts'
import { u32be } from '#base/bytes.ts'
import { toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { listRoot } from '#chain/exec/embedded/roots.ts'
import { createTrie } from '#chain/exec/embedded/trie.ts'
import { type NodeChanges, emptyRootBytes } from '#chain/exec/embedded/trie-loader.ts'

/** A disk of nodes, and batches of changes on the trie that stands on it. */
function createDisk() {
  const nodes = new Map<string, Uint8Array>()
  let root: Uint8Array = emptyRootBytes
  return {
    nodes,
    root: () => root,
    apply(changes: readonly (readonly [Uint8Array, Uint8Array | undefined])[]) {
      const trie = createTrie({ root, read: (path) => nodes.get(path), keccak256 })
      for (const [key, value] of changes) {
        if (value === undefined) trie.delete(key)
        else trie.put(key, value)
      }
      const written: NodeChanges = new Map()
      root = trie.commit(written)
      for (const [path, rlp] of written) {
        if (rlp === null) nodes.delete(path)
        else nodes.set(path, rlp)
      }
    },
    get: (key: Uint8Array) =>
      createTrie({ root, read: (path) => nodes.get(path), keccak256 }).get(key),
  }
}

describe('createTrie', () => {
  test.each([1, 2, 3, 4])(
    'has the roots of the reference over random batches (seed %i)',
    async (seed) => {
      const rng = createRng(seed)
      const reference = await createMPT()
      const disk = createDisk()
      const held = new Map<string, Uint8Array>()
      for (let round = 0; round < 25; round += 1) {
        const changes: [Uint8Array, Uint8Array | undefined][] = []
        for (let i = 0; i < 30; i += 1) {
          const key = keccak256(u32be(rng.below(120)))
          const isGone = rng.below(3) === 0
          const value = isGone
            ? undefined
            : RLP.encode(u32be(rng.below(4) === 0 ? 5 : rng.below(2 ** 30)))
          changes.push([key, value])
          if (value === undefined) await reference.del(key)
          else await reference.put(key, value)
          if (value === undefined) held.delete(toHex(key))
          else held.set(toHex(key), value)
        }
        disk.apply(changes)
        expect(toHex(disk.root())).toBe(toHex(reference.root()))
      }
      for (let i = 0; i < 120; i += 1) {
        const key = keccak256(u32be(i))
        expect(disk.get(key)).toEqual(held.get(toHex(key)))
      }
    },
  )

  test('leaves no node behind when all keys are gone', () => {
    const disk = createDisk()
    const keys = Array.from({ length: 200 }, (_, i) => keccak256(u32be(i)))
    disk.apply(keys.map((key) => [key, Uint8Array.of(7)]))
    const fresh = createDisk()
    fresh.apply(keys.slice(0, 50).map((key) => [key, Uint8Array.of(7)]))
    disk.apply(keys.slice(50).map((key) => [key, undefined]))
    expect(disk.nodes).toEqual(fresh.nodes)
    disk.apply(keys.slice(0, 50).map((key) => [key, undefined]))
    expect(disk.nodes.size).toBe(0)
    expect(toHex(disk.root())).toBe(toHex(emptyRootBytes))
  })
})

describe('listRoot', () => {
  test.each([0, 1, 2, 17, 129, 300])(
    'has the root of the reference for %i items',
    async (count) => {
      const items = Array.from({ length: count }, (_, i) => keccak256(u32be(i)))
      const reference = await createMPT()
      for (const [index, item] of items.entries()) await reference.put(RLP.encode(index), item)
      expect(toHex(listRoot(items, keccak256))).toBe(toHex(reference.root()))
    },
  )
})
