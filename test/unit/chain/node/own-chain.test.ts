import fc from 'fast-check'
import { type Abi, encodeFunctionData } from 'viem'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { createBlstScheme } from '#base/crypto/bls/blst.ts'
import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { keyPoint, signaturePoint } from '#base/crypto/bls/points.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import type { Hex } from '#base/hex.ts'
import { convictArgs } from '#chain/client/conviction.ts'
import type { Conviction } from '#chain/core/consensus/conviction.ts'
import { signingBytes } from '#chain/core/consensus/messages.ts'
import { createValidatorSet } from '#chain/core/consensus/validators.ts'
import { elect } from '#chain/core/election.ts'
import { membersOf, seatIn, seatMessage, seatSlots, setSlots } from '#chain/core/seats.ts'
import {
  electedEntryIn,
  entrySlots,
  ledgerHeadIn,
  ledgerSlots,
  unitPriceAt,
  urnSlots,
  workFactsOf,
} from '#chain/core/work-slots.ts'
import { readElected, readMembers, readWork } from '#chain/node/work-reads.ts'
import { systemGenesis } from '#chain/node/system-contracts.ts'
import { validatorSetAbi } from '#wire/abi/validatorSet.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { jobIdAt, modelHashAt, segmentIdAt, urnStorage, word } from './urn-storage.ts'
import { type World, accounts, callerOf, createWorld, testGenesis } from '../exec/world.ts'

const seed = 1_118
const coin = 10n ** 18n
const blst = createBlstScheme()
const { ValidatorSet, WorkLedger } = systemAddresses
const { chainId } = testGenesis()
const secretOf = (i: number) => blsSecretKey(sha256(utf8(`validator ${i}`)))
const keyOf = (i: number) => blst.publicKey(secretOf(i))
const ownerOf = (i: number) => accounts[i]!.address.toLowerCase() as Hex

function joining(i: number, votes: boolean) {
  const proof = blst.sign(secretOf(i), seatMessage(chainId, ownerOf(i), keyOf(i)))
  const args = [votes, keyPoint(keyOf(i)), signaturePoint(proof), '0x'] as const
  return encodeFunctionData({ abi: validatorSetAbi, functionName: 'join', args })
}

const stakeOf = (i: number, coins: bigint) => ({
  from: ownerOf(i),
  to: ValidatorSet,
  valueWei: String(coins * coin),
})

/** A chain whose genesis gives account 0 and 1 a vote, and account 2 a seat without one. */
function newWorld(): Promise<World> {
  const system = systemGenesis({})
  const stakes = [5_000n, 1_000n, 100n]
  const calls = stakes.map((coins, i) => ({ ...stakeOf(i, coins), calldata: joining(i, i < 2) }))
  return createWorld({ genesis: testGenesis({ ...system, calls: [...system.calls, ...calls] }) })
}

async function wordsOf({ engine }: World, contract: Hex, slots: readonly Hex[]) {
  return engine.read(engine.chain.head().blockHash, contract, slots)
}

async function send(world: World, i: number, calldata: Hex) {
  const raw = await accounts[i]!.signTransaction({
    chainId,
    nonce: world.engine.chain.head().header.number,
    to: ValidatorSet,
    data: calldata,
    gas: 2_000_000n,
    maxFeePerGas: 10n ** 11n,
    maxPriorityFeePerGas: 1n,
    type: 'eip1559',
  })
  const payload = await world.mine([raw])
  return world.engine.chain.receipts(payload)[0]!
}

describe('keyPoint and signaturePoint', () => {
  test('are for keys and signatures', () => {
    expect(keyPoint(keyOf(0))).toHaveLength(2 + 2 * 128)
    expect(() => keyPoint(`0xc1${'00'.repeat(47)}`)).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID' }),
    )
    expect(() => signaturePoint(keyOf(0))).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_INVALID' }),
    )
  })
})

describe('ValidatorSet in genesis', () => {
  test('has the validators that its calls made, with the keys that consensus knows', async () => {
    const { engine } = await newWorld()
    const members = await readMembers(engine, engine.chain.head().blockHash, 0)
    expect(members).toEqual([
      { seat: 0, address: ownerOf(0), blsKey: keyOf(0), weight: 5_000 },
      { seat: 1, address: ownerOf(1), blsKey: keyOf(1), weight: 1_000 },
      { seat: 128, address: ownerOf(2), blsKey: keyOf(2), weight: 0 },
    ])
    expect(createValidatorSet(0, members).quorumWeight).toBe(4_001)
  })

  test('has leaders by work behind the validators', async () => {
    const words = await wordsOf(await newWorld(), ValidatorSet, seatSlots(128))
    expect(seatIn(128, words)).toMatchObject({
      owner: ownerOf(2),
      blsKey: keyOf(2),
      stakeGwei: 100n * 10n ** 9n,
      fromEpoch: 0,
      untilEpoch: 2 ** 32 - 1,
    })
    expect(seatIn(129, await wordsOf(await newWorld(), ValidatorSet, seatSlots(129)))).toBe(
      undefined,
    )
  })

  test('lets go of who leaves two epochs later', async () => {
    const world = await newWorld()
    await send(world, 0, encodeFunctionData({ abi: validatorSetAbi, functionName: 'exit' }))
    const words = await wordsOf(world, ValidatorSet, setSlots())
    expect(membersOf(1, words).map(({ seat }) => seat)).toEqual([0, 1, 128])
    expect(membersOf(2, words).map(({ seat }) => seat)).toEqual([1, 128])
  })

  const place = { epoch: 0, view: 9 }
  const [a, b] = [`0x${'ab'.repeat(32)}`, `0x${'cd'.repeat(32)}`] as const
  test.each([
    ['votes', { kind: 'finalize', ...place, block: a }, { kind: 'nullify', ...place }],
    [
      'proposals',
      { kind: 'proposal', ...place, parentView: 4, root: a },
      { kind: 'proposal', ...place, parentView: 4, root: b },
    ],
  ] as const)(
    'takes the stake of who signed both of two %s, as consensus signs them',
    async (_kind, first, second) => {
      const world = await newWorld()
      const scheme = createNobleScheme()
      const sign = (said: typeof first | typeof second) =>
        scheme.sign(secretOf(1), signingBytes(chainId, said))
      const guilty = { index: 1, seat: 1, address: ownerOf(1), blsKey: keyOf(1), weight: 1_000 }
      const evidence = (signatures: Conviction['signatures']) => {
        const args = convictArgs(blst, { guilty, first, second, signatures })
        const abi: Abi = validatorSetAbi
        return encodeFunctionData({ abi, functionName: 'convict', args })
      }
      const once = evidence([sign(first), sign(first)])
      expect((await send(world, 0, once)).hasSucceeded).toBe(false)
      const both = evidence([sign(first), sign(second)])
      const { hasSucceeded, gasUsed } = await send(world, 0, both)
      expect(hasSucceeded).toBe(true)
      expect(Number(gasUsed)).toBeLessThan(450_000)
      const words = await wordsOf(world, ValidatorSet, setSlots())
      expect(membersOf(0, words).map(({ seat }) => seat)).toEqual([0, 128])
    },
  )
})

describe('WorkLedger in genesis', () => {
  test('says its rules in the slots that the election reads', async () => {
    const world = await newWorld()
    const head = ledgerHeadIn(await wordsOf(world, WorkLedger, ledgerSlots))
    const { read } = callerOf(world.engine)
    expect(await read(WorkLedger, workLedgerAbi, 'rules')).toEqual({
      unitFlops: head.unitFlops,
      priceMinGwei: head.priceBounds.minGwei,
      priceMaxGwei: head.priceBounds.maxGwei,
      betaBps: Number(head.betaBps),
      powEvery: head.powEvery,
    })
    expect(head).toMatchObject({ powEvery: 2, betaBps: 8_000n, first: 0, next: 0, epoch: 0 })
    const { engine } = world
    const { facts } = await readWork(engine, engine.chain.head().blockHash, 2)
    expect(facts).toMatchObject({ powEvery: 2, unitPriceGwei: head.unitPriceGwei, segments: [] })
    expect(unitPriceAt(head, 300)).toBe((head.unitPriceGwei * 7n) / 8n)
  })
})

describe('readElected', () => {
  test('finds what a block says of a unit', async () => {
    const segments = [128, 1, 128].map((seat, i) => ({ seat, units: 8 + i }))
    const storage = urnStorage(segments, { first: 4_095 })
    const system = systemGenesis({})
    const contracts = system.contracts.filter(({ name }) => name !== 'WorkLedger')
    const usual = testGenesis()
    const placed = [...usual.accounts, { address: WorkLedger, storage }]
    const genesis = testGenesis({ ...system, contracts, calls: [], accounts: placed })
    const { engine } = await createWorld({ genesis })
    const { blockHash } = engine.chain.head()
    const view = await readWork(engine, blockHash, 2)
    expect(view.facts.segments.map(({ seat, units }) => [seat, units])).toEqual([
      [128, 8],
      [1, 9],
      [128, 10],
    ])
    expect(elect({ chainId, height: 4, parentBeacon: word(7) }, view.facts, []).kind).toBe('work')
    const unit = { segmentId: segmentIdAt(2), j: 3 }
    expect(await readElected(engine, blockHash, view, unit)).toEqual({
      segmentId: segmentIdAt(2),
      segment: 5,
      flops: 77n,
      jobId: jobIdAt(2),
      modelHash: modelHashAt(2),
    })
    expect((await readWork(engine, blockHash, 3)).facts.segments).toEqual([])
    const stranger = { segmentId: word(1), j: 0 }
    expect(await readElected(engine, blockHash, view, stranger)).toBe(undefined)
  })
})

describe('workFactsOf', () => {
  const base = { powEvery: 2, betaBps: 8_000n, unitFlops: 5n, unitPriceGwei: 7n, epoch: 0 }
  const bounds = { unitsCreated: 0, priceBounds: { minGwei: 1n, maxGwei: 9n } }

  test('reads the entries of a ring that has come round', () => {
    const head = { ...base, ...bounds, first: 4_095, next: 4_097 }
    const slots = urnSlots(head).map(BigInt)
    expect(slots).toEqual([3n + 4n * 4_095n, 4n + 4n * 4_095n, 3n, 4n])
  })

  test(`reads the fields where the contract puts them (seed ${seed})`, () => {
    const uint = (count: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(count)) - 1n })
    const fields = fc.tuple(uint(32), uint(16), uint(48), uint(32), uint(128), uint(256))
    fc.assert(
      fc.property(fields, ([seat, units, born, segment, flops, id]) => {
        const packed = seat | (units << 32n) | (born << 48n) | (segment << 96n) | (flops << 128n)
        const words = [word(id), word(packed), word(id + 1n), word(id >> 1n)]
        const head = { ...base, ...bounds, first: 0, next: 1 }
        expect(workFactsOf(head, words.slice(0, 2), 1).segments).toEqual([
          {
            segmentId: words[0],
            seat: Number(seat),
            units: Number(units),
            bornHeight: Number(born),
          },
        ])
        const elected = { segmentId: words[0], segment: Number(segment), flops }
        expect(electedEntryIn(words)).toMatchObject(elected)
        expect(entrySlots(4_096)).toEqual(entrySlots(0))
      }),
      { seed, numRuns: 100 },
    )
  })
})
