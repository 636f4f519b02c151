import { createMPT, createMerkleProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keccak256 } from '#base/crypto/keys.ts'
import { codeOf } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { emptyRoot } from '#chain/core/header.ts'
import { provenAccount, provenValue, provenWord } from '#chain/core/proof.ts'
import { toKey } from '#store/key.ts'
import { proveAccount } from '#chain/exec/embedded/proof.ts'
import { encodeDeployData, getContractAddress } from 'viem'
import { samples } from '#test/unit/chain/samples.ts'
import { accounts, createWorld } from '#test/unit/chain/exec/world.ts'

/** A trie of another implementation, with keys that share long beginnings. */
async function trieOf(entries: ReadonlyMap<string, Uint8Array>) {
  const trie = await createMPT()
  for (const [key, value] of entries) await trie.put(fromHex(key), value)
  // It also lists small nodes that stand inside others, which the specification of eth_getProof leaves out.
  const prove = async (key: string) => {
    const [first, ...rest] = await createMerkleProof(trie, fromHex(key))
    return [first as Uint8Array, ...rest.filter(({ length }) => length >= 32)]
  }
  return { root: toHex(trie.root()), prove }
}

const keys = fc
  .array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 40 })), { minLength: 1, maxLength: 30 })
  .map((pairs) =>
    pairs.map(([head, tail]) => `0x${`${head}`.repeat(60)}${tail.toString(16).padStart(4, '0')}`),
  )

describe('provenValue', () => {
  test('gives what another implementation proves, present or absent', async () => {
    await fc.assert(
      fc.asyncProperty(
        keys,
        keys,
        fc.uint8Array({ minLength: 1, maxLength: 50 }),
        async (held, asked, value) => {
          const entries = new Map(held.map((key, i) => [key, Uint8Array.of(i + 1, ...value)]))
          const { root, prove } = await trieOf(entries)
          for (const key of [...held, ...asked]) {
            const found = provenValue(root, fromHex(key), await prove(key))
            expect(found).toEqual(entries.get(key))
          }
        },
      ),
      { numRuns: 15, seed: 1 },
    )
  })

  test('refuses every proof in which one byte was changed, or a node is missing or too many', async () => {
    const entries = new Map(
      Array.from({ length: 40 }, (_, i) => [
        toHex(keccak256(Uint8Array.of(i))),
        Uint8Array.of(i + 1),
      ]),
    )
    const { root, prove } = await trieOf(entries)
    const [key] = entries.keys() as Iterable<string> as [string]
    const proof = await prove(key)
    const refused = (nodes: readonly Uint8Array[]) => {
      try {
        provenValue(root, fromHex(key), nodes)
        return false
      } catch (error) {
        return codeOf(error) === 'PROOF_INVALID'
      }
    }
    expect(refused(proof)).toBe(false)
    for (const [i, node] of proof.entries()) {
      for (let at = 0; at < node.length; at += 1) {
        const bad = Uint8Array.from(node)
        bad[at] = (bad[at] as number) ^ 1
        expect(refused(proof.with(i, bad))).toBe(true)
      }
    }
    expect(refused(proof.slice(0, -1))).toBe(true)
    expect(refused([...proof, proof[0] as Uint8Array])).toBe(true)
    expect(refused([])).toBe(true)
    expect(refused(Array.from({ length: 66 }, () => proof[0] as Uint8Array))).toBe(true)
  })

  test('an empty trie holds nothing', () => {
    expect(provenValue(emptyRoot, new Uint8Array(32), [])).toBeUndefined()
  })

  test('never throws anything but PROOF_INVALID on junk', () => {
    const junk = fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(junk, fc.uint8Array({ minLength: 32, maxLength: 32 }), (nodes, key) => {
        const root = toHex(keccak256(nodes[0] as Uint8Array))
        try {
          provenValue(root, key, nodes)
        } catch (error) {
          expect(codeOf(error)).toBe('PROOF_INVALID')
        }
      }),
      { numRuns: 5_000, seed: 2 },
    )
  })

  test('a node with items of the wrong form is refused', () => {
    const bad = [
      [Uint8Array.of(0x20)],
      Array.from({ length: 16 }, () => new Uint8Array()),
      [new Uint8Array(), Uint8Array.of(1)],
    ]
    for (const items of bad) {
      const node = RLP.encode(items)
      const root = toHex(keccak256(node))
      expect(() => provenValue(root, new Uint8Array(32), [node])).toThrow(/PROOF_INVALID|form/)
    }
  })
})

describe('provenAccount and provenWord', () => {
  test('read what the node proves of its own state', async () => {
    const { Token } = samples()
    const { engine, mine } = await createWorld()
    const [sender] = accounts
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 0n, gas: 1_000_000n }
    const deploy = { ...fees, nonce: 0, chainId: 78787, type: 'eip1559' } as const
    const code = encodeDeployData({ ...Token, args: [1_000n] })
    const raw = await sender!.signTransaction({ ...deploy, data: code })
    const { header, blockHash } = await mine([raw])
    const view = engine.chain.stateAfter(blockHash)!
    const address = getContractAddress({
      from: sender!.address,
      nonce: 0n,
    }).toLowerCase() as `0x${string}`
    const held = toHex(
      keccak256(fromHex(`0x${'00'.repeat(12)}${sender!.address.slice(2)}${'00'.repeat(32)}`)),
    )
    const slots = [held, `0x${'00'.repeat(31)}09`] as const
    const proof = proveAccount(view, { address, slots }, keccak256)
    const nodes = proof.accountProof.map(fromHex)
    const account = provenAccount(header.stateRoot, address, nodes)
    expect(account).toMatchObject({ nonce: 1n, balanceWei: 0n })
    expect(account?.codeHash).toBe(toHex(view.account(toKey(fromHex(address)))!.codeHash))
    const words = proof.storageProof.map(({ slot, proof: path }) =>
      provenWord(account!.storageRoot, slot, path.map(fromHex)),
    )
    expect(words).toEqual([1_000n, 0n])
    const nobody = `0x${'77'.repeat(20)}` as const
    const absent = proveAccount(view, { address: nobody, slots: [] }, keccak256)
    expect(
      provenAccount(header.stateRoot, nobody, absent.accountProof.map(fromHex)),
    ).toBeUndefined()
    expect(() => provenAccount(header.stateRoot, nobody, nodes)).toThrow()
  })
})
