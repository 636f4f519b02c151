import { type Hex, encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import { proveAccount } from '#chain/exec/embedded/proof.ts'
import { type SnapshotTarget, openSnapshotTarget } from '#chain/exec/embedded/snapshot.ts'
import type { SnapshotPart } from '#chain/exec/embedded/snapshot-reader.ts'
import type { SnapshotWriter, Wanted } from '#chain/exec/embedded/snapshot-writer.ts'
import { toKey } from '#store/key.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'
import { samples } from '../samples.ts'
import { type World, accounts, createWorld, testGenesis, zeroHash } from './world.ts'

const alice = accounts[0] as (typeof accounts)[0]
const fees = { chainId: 78787, maxFeePerGas: 3_000_000_000n, maxPriorityFeePerGas: 1n }
const token = getContractAddress({ from: alice.address, nonce: 0n })
const { Token } = samples()
const genesis = parseGenesis(testGenesis())
const never = new AbortController().signal

async function pay(nonce: number, to: Hex): Promise<Hex> {
  const input = encodeFunctionData({ abi: Token.abi, functionName: 'transfer', args: [to, 1n] })
  return alice.signTransaction({ ...fees, nonce, to: token, data: input, gas: 200_000n })
}

async function give(nonce: number, to: Hex): Promise<Hex> {
  return alice.signTransaction({ ...fees, nonce, to, value: 1n, gas: 21_000n })
}

const holder = (i: number): Hex => `0x${(0xabc000 + i).toString(16).padStart(40, '0')}`

/** A chain with a token of many holders, and the block whose state is fetched; two more stand above it. */
async function createSource(): Promise<{ readonly world: World; readonly pivot: Payload }> {
  const world = await createWorld()
  const deploy = encodeDeployData({ abi: Token.abi, bytecode: Token.bytecode, args: [1000n] })
  await world.mine([
    await alice.signTransaction({ ...fees, nonce: 0, data: deploy, gas: 2_000_000n }),
  ])
  let nonce = 1
  for (let i = 0; i < 3; i += 1) {
    const raws: Hex[] = []
    for (let j = 0; j < 20; j += 1) {
      const to = holder(20 * i + j)
      raws.push(await pay(nonce, to), await give(nonce + 1, to))
      nonce += 2
    }
    await world.mine(raws)
  }
  const pivot = world.engine.chain.head()
  await world.mine([await pay(nonce, holder(500)), await give(nonce + 1, holder(3))])
  await world.mine([await give(nonce + 2, holder(501))])
  return { world, pivot }
}

let source: World
let pivot: Payload

beforeAll(async () => {
  ;({ world: source, pivot } = await createSource())
}, 60_000)

function answerTo(wanted: Wanted, sizeBytes: number) {
  const codes = wanted.codes.map(toHex)
  const question = { blockHash: pivot.blockHash, places: wanted.places, codes }
  return source.engine.snapshots.read(question, sizeBytes)
}

/** Fetches until everything is here, or for so many questions. */
async function fetchAll(writer: SnapshotWriter, sizeBytes: number, questionsMax = 10_000) {
  for (let asked = 0; asked < questionsMax; asked += 1) {
    const wanted = writer.take()
    if (wanted.places.length === 0 && wanted.codes.length === 0) return asked
    const { part, codes } = answerTo(wanted, sizeBytes)
    await writer.accept(wanted, part, codes)
  }
  return questionsMax
}

function finish(target: SnapshotTarget): Promise<void> {
  const numbers = Array.from({ length: pivot.header.number }, (_, number) => number)
  const ancestors = new Map(
    numbers.map((number) => [number, source.engine.chain.byNumber(number)?.blockHash ?? '0x']),
  )
  return target.finish(pivot, { ancestors, blocks: [], writes: [], signal: never })
}

async function createTarget(store: KeyValueStore) {
  const target = await openSnapshotTarget(store, genesis)
  return { target, writer: target.fetchState(pivot.header.stateRoot) }
}

/** All flat accounts and words of a store. */
async function flatOf(store: KeyValueStore): Promise<readonly string[]> {
  const found: string[] = []
  for (const prefix of [0x61, 0x73]) {
    const range = { gte: Uint8Array.of(prefix), lt: Uint8Array.of(prefix + 1) }
    for await (const [key, value] of store.entries(range)) found.push(toHex(key) + toHex(value))
  }
  return found
}

describe('a snapshot', () => {
  test.each([1, 700, 1_000_000])(
    'in parts of %i bytes gives a chain that goes on with the same blocks',
    async (sizeBytes) => {
      const store = createMemoryStore()
      const { target, writer } = await createTarget(store)
      await fetchAll(writer, sizeBytes)
      await finish(target)
      const world = await createWorld({ store })
      const { chain } = world.engine
      expect(chain.head().blockHash).toBe(pivot.blockHash)
      for (let number = pivot.header.number + 1; number <= pivot.header.number + 2; number += 1) {
        const next = source.engine.chain.byNumber(number) as Payload
        expect(await world.engine.newPayload(next)).toEqual({ kind: 'valid' })
        const head = next.blockHash
        await world.engine.forkchoiceUpdated({ head, safe: head, finalized: head })
      }
      expect(await flatOf(store)).toEqual(await flatOf(source.store))
      const asked = { address: token, slots: [zeroHash] }
      const proofs = [world, source].map(({ engine }) => {
        const view = engine.chain.stateAfter(engine.chain.head().blockHash)
        return view && proveAccount(view, asked, engine.crypto.keccak256)
      })
      expect(proofs[0]).toEqual(proofs[1])
      const place = chain.ancestors(chain.head())
      expect(toHex(place(1) ?? new Uint8Array())).toBe(source.engine.chain.byNumber(1)?.blockHash)
      expect(() => chain.byNumber(1)).toThrow('HISTORY_PRUNED')
    },
  )

  test('goes on after a crash with what was fetched, and moves to a newer state', async () => {
    const store = createMemoryStore()
    const first = await createTarget(store)
    await fetchAll(first.writer, 2_000, 5)
    const again = await createTarget(store)
    await fetchAll(again.writer, 2_000)
    const alone = await createTarget(createMemoryStore())
    await fetchAll(alone.writer, 2_000)
    expect(again.writer.counts().nodes).toBeLessThan(alone.writer.counts().nodes)
    const old = pivot
    try {
      pivot = source.engine.chain.head()
      const newer = await createTarget(store)
      await fetchAll(newer.writer, 2_000)
      expect(newer.writer.counts().nodes).toBeLessThan(40)
      await finish(newer.target)
    } finally {
      pivot = old
    }
    expect(await flatOf(store)).toEqual(await flatOf(source.store))
  })

  test.each([1, 2, 3, 4, 5, 6])('refuses a part with one byte changed (seed %i)', async (seed) => {
    const rng = createRng(seed)
    const { writer } = await createTarget(createMemoryStore())
    await fetchAll(writer, 3_000, seed)
    const wanted = writer.take()
    const answer = answerTo(wanted, 3_000)
    const nodes = answer.part.flat()
    const fields = [...nodes.flatMap(({ rlp, keys }) => [rlp, ...keys]), ...answer.codes]
    const victim = fields[rng.below(fields.length)] as Uint8Array
    const place = rng.below(victim.length)
    const lie = Uint8Array.from(victim, (byte, i) => (i === place ? byte ^ 1 : byte))
    const change = (bytes: Uint8Array) => (bytes === victim ? lie : bytes)
    const part = answer.part.map((list) =>
      list.map(({ rlp, keys }) => ({ rlp: change(rlp), keys: keys.map(change) })),
    )
    const outcome = writer.accept(wanted, part, answer.codes.map(change)).catch(codeOf)
    expect(await outcome).toBe('SNAPSHOT_FORGED')
  })

  test('refuses what was not asked for, nodes left out and nothing at all', async () => {
    const { writer } = await createTarget(createMemoryStore())
    const wanted = writer.take()
    const { part } = answerTo(wanted, 5_000)
    const [nodes = []] = part
    const code = new Uint8Array(3)
    const lies: [SnapshotPart, Uint8Array[]][] = [
      [[...part, nodes], []],
      [part, [code]],
      [[nodes.toSpliced(1, 1)], []],
      [[nodes.map(({ rlp }) => ({ rlp, keys: [] }))], []],
    ]
    for (const [lie, codes] of lies) {
      expect(await writer.accept(wanted, lie, codes).catch(codeOf)).toBe('SNAPSHOT_FORGED')
    }
    expect(await writer.accept(wanted, [], []).catch(codeOf)).toBe('SNAPSHOT_MISSING')
    await writer.accept(wanted, part, [])
    expect(writer.counts().nodes).toBe(nodes.length)
  })

  test('is not begun where something is missing at the end', async () => {
    const store = createMemoryStore()
    const { target, writer } = await createTarget(store)
    await fetchAll(writer, 2_000, 6)
    expect(await finish(target).catch(codeOf)).toBe('SNAPSHOT_BROKEN')
    expect(target.finalised()).toBeUndefined()
  })

  test('of a state that is no longer kept is refused', async () => {
    const world = await createWorld()
    const old = world.engine.chain.head()
    for (let i = 0; i < 9; i += 1) await world.mine([])
    const question = { blockHash: old.blockHash, places: [{ owner: '', path: '' }], codes: [] }
    const ask = async () => world.engine.snapshots.read(question, 1_000)
    expect(await ask().catch(codeOf)).toBe('STATE_UNKNOWN')
  })
})

test('holders have what they were given', () => {
  const view = source.engine.chain.stateAfter(pivot.blockHash)
  expect(view?.account(toKey(fromHex(holder(59))))?.balance).toBe(1n)
  expect(view?.account(toKey(fromHex(holder(501))))).toBe(null)
})
