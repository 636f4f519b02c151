import { createMPTFromProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { type Hex, encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import { describe, expect, test } from 'vitest'
import { keccak256 } from '#base/crypto/keys.ts'
import { fromHex, toHex } from '#base/hex.ts'
import type { Payload } from '#chain/core/payload.ts'
import { toPoolTransaction } from '#chain/exec/embedded/transaction.ts'
import { proveAccount } from '#chain/exec/embedded/proof.ts'
import { encodeAccount } from '#chain/exec/embedded/state-view.ts'
import { toKey } from '#store/key.ts'
import { createMemoryStore } from '#store/memory.ts'
import { samples } from '../samples.ts'
import { accounts, createWorld, zeroHash } from './world.ts'

const [alice, bob] = accounts as [(typeof accounts)[0], (typeof accounts)[0]]
const fees = { chainId: 78787, maxFeePerGas: 3_000_000_000n, maxPriorityFeePerGas: 1n }
const token = getContractAddress({ from: alice.address, nonce: 0n })

function send(nonce: number, to: Hex | undefined, input: Hex = '0x', value = 0n): Promise<Hex> {
  const gas = input === '0x' ? 21_000n : 1_000_000n
  return alice.signTransaction({ ...fees, nonce, to, data: input, value, gas })
}

const { Token } = samples()
const deploy = encodeDeployData({ abi: Token.abi, bytecode: Token.bytecode, args: [1000n] })
const pay = (amount: bigint) =>
  encodeFunctionData({ abi: Token.abi, functionName: 'transfer', args: [bob.address, amount] })
/** Slot of a holder's balance in the token: the mapping is its first variable. */
const slotOf = (holder: Hex): Hex =>
  toHex(keccak256(fromHex(`${holder.slice(2).toLowerCase().padStart(64, '0')}${'00'.repeat(32)}`)))

describe('stateAfter', () => {
  test('shows each recent state as it was, across finality and a restart', async () => {
    const store = createMemoryStore()
    let world = await createWorld({ store })
    const blocks = [await world.mine([await send(0, undefined, deploy)])]
    for (let i = 1; i <= 6; i += 1)
      blocks.push(await world.mine([await send(i, token, pay(BigInt(i)))]))
    const read = (at: number) => {
      const view = world.engine.chain.stateAfter(blocks[at]?.blockHash ?? zeroHash)
      const word = view?.slot(toKey(fromHex(token)), toKey(fromHex(slotOf(bob.address))))
      const nonce = view?.account(toKey(fromHex(alice.address)))?.nonce
      return [nonce, BigInt(`0x0${toHex(word ?? new Uint8Array()).slice(2)}`)]
    }
    const expected = [0n, 1n, 3n, 6n, 10n, 15n, 21n].map((sum, i) => [BigInt(i + 1), sum])
    expect(blocks.map((_, at) => read(at))).toEqual(expected)
    world = await createWorld({ store })
    expect(world.engine.chain.head().blockHash).toBe(blocks.at(-1)?.blockHash)
    expect(blocks.map((_, at) => read(at))).toEqual(expected)
  })

  test('lets go of states that are older than the history', async () => {
    const world = await createWorld()
    const first = await world.mine([])
    for (let i = 0; i < 8; i += 1) await world.mine([])
    expect(world.engine.chain.stateAfter(first.blockHash)).toBeDefined()
    await world.mine([])
    expect(world.engine.chain.stateAfter(first.blockHash)).toBeUndefined()
  })

  test('shows unfinalised blocks beside each other, and drops the one that loses', async () => {
    const world = await createWorld()
    world.add([await send(0, bob.address, '0x', 5n)])
    const full = await world.build()
    const empty = await (await createWorld()).build()
    for (const payload of [full, empty]) {
      expect(await world.engine.newPayload(payload)).toEqual({ kind: 'valid' })
    }
    const nonces = () =>
      [full, empty].map(
        ({ blockHash }) =>
          world.engine.chain.stateAfter(blockHash)?.account(toKey(fromHex(alice.address)))?.nonce,
      )
    expect(nonces()).toEqual([1n, 0n])
    const head = empty.blockHash
    await world.engine.forkchoiceUpdated({ head, safe: head, finalized: head })
    expect(nonces()).toEqual([undefined, 0n])
    expect(world.engine.chain.byHash(full.blockHash)).toBeUndefined()
    expect(await world.engine.newPayload(full)).toMatchObject({ kind: 'invalid' })
    const held = toPoolTransaction(world.engine.decode(full.transactions[0] as Uint8Array)).hash
    expect(world.engine.chain.place(held)).toBeUndefined()
  })

  test('drops what stands on the one that loses, and keeps what stands on the other', async () => {
    const world = await createWorld()
    const { engine } = world
    const genesisHash = engine.chain.finalised().blockHash
    const alone = async (parent: Payload, timestamp: number): Promise<Payload> => {
      const { payloadId } = await engine.forkchoiceUpdated(
        { head: parent.blockHash, safe: genesisHash, finalized: genesisHash },
        { ...attributes, timestamp },
      )
      const payload = await engine.getPayload(payloadId ?? '')
      expect(await engine.newPayload(payload)).toEqual({ kind: 'valid' })
      return payload
    }
    const genesis = engine.chain.finalised()
    const start = genesis.header.timestamp
    world.add([await send(0, bob.address, '0x', 5n), await send(1, bob.address, '0x', 6n)])
    const left = await alone(genesis, start + 1)
    const right = await alone(genesis, start + 2)
    world.add([await send(2, bob.address, '0x', 7n)])
    const children = [await alone(left, start + 3), await alone(right, start + 4)]
    const grandchild = await alone(children[1] as Payload, start + 5)
    // The pool still holds all three: two are in the parent, so each child holds the third.
    expect(children.map(({ transactions }) => transactions.length)).toEqual([1, 1])
    expect(grandchild.transactions).toEqual([])
    const nonceAfter = ({ blockHash }: Payload) =>
      engine.chain.stateAfter(blockHash)?.account(toKey(fromHex(alice.address)))?.nonce
    const all = [left, right, ...children, grandchild]
    expect(all.map(nonceAfter)).toEqual([2n, 2n, 3n, 3n, 3n])
    await engine.forkchoiceUpdated({
      head: grandchild.blockHash,
      safe: right.blockHash,
      finalized: right.blockHash,
    })
    expect(all.map(nonceAfter)).toEqual([undefined, 2n, undefined, 3n, 3n])
    expect(engine.chain.byHash((children[0] as Payload).blockHash)).toBeUndefined()
    const onLost = await engine.newPayload(children[0] as Payload)
    expect(onLost).toEqual({ kind: 'syncing' })
    const head = grandchild.blockHash
    await engine.forkchoiceUpdated({ head, safe: head, finalized: head })
    expect(all.map(nonceAfter)).toEqual([undefined, 2n, undefined, 3n, 3n])
  })
})

const attributes = {
  prevRandao: `0x${'ab'.repeat(32)}`,
  feeRecipient: `0x${'fe'.repeat(20)}`,
  withdrawals: [],
  parentBeaconBlockRoot: `0x${'cd'.repeat(32)}`,
} as const

/** What stands under a key in the trie of a root, from a proof alone. */
async function follow(root: Uint8Array, key: Uint8Array, proof: readonly Hex[]) {
  const trie = await createMPTFromProof(proof.map(fromHex), { root })
  expect(toHex(trie.root())).toBe(toHex(root))
  return trie.get(key, true)
}

describe('proveAccount', () => {
  test('gives proofs that the stock library verifies, of presence and of absence', async () => {
    const world = await createWorld()
    const payload = await world.mine([
      await send(0, undefined, deploy),
      await send(1, token, pay(7n)),
    ])
    const view = world.engine.chain.stateAfter(payload.blockHash)
    if (view === undefined) throw new Error('the head has a state')
    const slots = [slotOf(bob.address), slotOf(`0x${'99'.repeat(20)}`)]
    const proven = proveAccount(view, { address: token, slots }, keccak256)
    const root = fromHex(payload.header.stateRoot)
    const rlp = await follow(root, keccak256(fromHex(token)), proven.accountProof)
    const stored = view.account(toKey(fromHex(token)))
    expect(toHex(rlp ?? new Uint8Array())).toBe(
      toHex(encodeAccount(stored as NonNullable<typeof stored>)),
    )
    const words = await Promise.all(
      proven.storageProof.map(({ slot, proof }) =>
        follow(fromHex(proven.storageHash), keccak256(fromHex(slot)), proof),
      ),
    )
    expect(words[0]).toEqual(RLP.encode(7n))
    expect(words[1]).toBeNull()
    expect(proven.storageProof.map(({ word }) => word)).toEqual([7n, 0n])
    const nobody: Hex = `0x${'98'.repeat(20)}`
    const absent = proveAccount(view, { address: nobody, slots: [] }, keccak256)
    expect(await follow(root, keccak256(fromHex(nobody)), absent.accountProof)).toBeNull()
  })
})
