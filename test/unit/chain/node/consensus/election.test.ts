import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { createTurns } from '#base/turns.ts'
import type { Hex } from '#base/hex.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import { type Certificate, signingBytes } from '#chain/core/consensus/messages.ts'
import { type Validator, bitmapOf, createValidatorSet } from '#chain/core/consensus/validators.ts'
import { headerHash, zeroHash } from '#chain/core/header.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createBuilder } from '#chain/node/consensus/builder.ts'
import { type ParentPlace, createChainPlaces } from '#chain/node/consensus/chain-place.ts'
import { createChecker } from '#chain/node/consensus/checker.ts'
import { createElecting, electedIn } from '#chain/node/consensus/electing.ts'
import { openPayloadShelf } from '#chain/node/consensus/payload-shelf.ts'
import { openConsensusStore } from '#chain/node/consensus-store.ts'
import { systemAddresses, tipsAddress } from '#wire/addresses.ts'
import { accounts, createWorld, testGenesis } from '#test/unit/chain/exec/world.ts'
import { type PlacedSegment, type PlacedUrn, modelHashAt, urnStorage } from '../urn-storage.ts'
import { keyAt, scheme } from './validators-world.ts'

const chainId = 78787
const root0 = `0x${'11'.repeat(32)}` as const
const gwei = 1_000_000_000n
const receiver: Hex = `0x${'77'.repeat(20)}`

/** Members 0 and 1 vote, those after them lead by work alone; their seats begin at 0 and at 128. */
const set = createValidatorSet(
  0,
  [0, 1, 128, 129, 130, 131, 132].map((seat, i) => ({
    ...keyAt(i),
    seat,
    blsKey: scheme.publicKey(keyAt(i).blsSecret),
    weight: seat < 128 ? 1 : 0,
  })),
)
const memberOf = (seat: number) => set.validators.find((member) => member.seat === seat)!

/** The certificate of those voters for a block. */
function votesOf(block: Hex, voters: readonly number[] = [0, 1], chain = chainId): Certificate {
  const statement = { kind: 'notarize', epoch: 0, view: 1, block } as const
  const signatures = voters.map((i) =>
    scheme.sign(keyAt(i).blsSecret, signingBytes(chain, statement)),
  )
  const signers = bitmapOf(voters, set.validators.length)
  return { ...statement, signers, signature: scheme.aggregate(signatures) }
}

/** Four leaders with ten units each. */
const usual: readonly PlacedSegment[] = [128, 129, 130, 131].map((seat) => ({ seat, units: 10 }))

/** A chain that is built and checked by hand, one open block on another. */
async function createChain(segments = usual, urn: PlacedUrn = {}) {
  const storage = urnStorage(segments, { unitPriceGwei: 1_000_000n, ...urn })
  const { accounts: funded } = testGenesis()
  const placed = [...funded, { address: systemAddresses.WorkLedger, storage }]
  const world = await createWorld({ genesis: testGenesis({ accounts: placed }) })
  const { engine, store } = world
  const places = createChainPlaces(engine.chain, openConsensusStore(store, root0))
  const shelf = await openPayloadShelf(store)
  const drawAfter = createElecting({ engine, places }, chainId)
  const turns = createTurns()
  const clock = createFakeClock(1_700_000_000_000)
  const epoch = { set, lastHeight: 1_000, seed: root0, beganAt: 0 }
  const epochs = { at: () => epoch, setAt: () => set, heirs: async () => undefined }
  const parts = { engine, shelf, scheme, clock, places, drawAfter, turns, epochs }
  const build = createBuilder(parts, chainId)
  const check = createChecker(parts, chainId)
  let parent: ParentPlace = { root: root0, payload: engine.chain.finalised() }

  /** The next block by this member, or by whom the election names. */
  async function next(member?: Validator, parentVotes = votesOf(parent.root)) {
    const elected = electedIn(set, await drawAfter(parent))
    const author = member ?? set.validators[elected ?? 0]!
    const { blsSecret } = keyAt(author.index)
    const at = { epoch: 0, view: 1, parentVotes, author: { member: author, blsSecret } }
    const built = await build(parent, at)
    const payload = engine.chain.byHash(built.block.executionHash)!
    return { ...built, payload, parent }
  }

  /** Goes on with a block, which everybody has to find right. */
  async function extend(member?: Validator) {
    const made = await next(member)
    expect(await check(made)).toBe(undefined)
    places.add(made.root, made.block)
    parent = { root: made.root, payload: made.payload }
    return made
  }

  async function extendTo(height: number) {
    let made = await extend()
    while (made.block.height < height) made = await extend()
    return made
  }

  /** Puts a transfer into the pool that pays so much in tips. */
  async function tip(tipsWei: bigint, nonce = 0) {
    const raw = await accounts[0]!.signTransaction({
      chainId,
      nonce,
      to: receiver,
      gas: 21_000n,
      maxFeePerGas: tipsWei / 21_000n + 10n * gwei,
      maxPriorityFeePerGas: tipsWei / 21_000n,
      type: 'eip1559',
    })
    world.add([raw])
  }

  const balance = (address: Hex) => engine.balance(parent.payload.blockHash, address)
  return { ...world, next, extend, extendTo, tip, balance, check, drawAfter, parent: () => parent }
}

type Made = Awaited<ReturnType<Awaited<ReturnType<typeof createChain>>['next']>>

/** The same block with other words, its hashes in order. */
function changed(
  made: Made,
  block: Partial<ConsensusBlock>,
  header: Partial<Payload['header']> = {},
): Made {
  const changedHeader = { ...made.payload.header, ...header }
  const blockHash = headerHash(changedHeader)
  const whole = { ...made.block, ...block, executionHash: blockHash }
  const payload = { ...made.payload, header: changedHeader, blockHash }
  return { ...made, block: whole, root: consensusRoot(whole), payload }
}

describe('blocks at work heights', () => {
  test('are led by the owner of a drawn unit, which the header and the block name', async () => {
    const chain = await createChain()
    const seen = new Set<string>()
    for (let height = 1; height <= 24; height += 1) {
      const { block, payload } = await chain.extend()
      if (height % 2 === 1) {
        expect(block).toMatchObject({ mode: 'stake', modelHash: zeroHash })
        expect(block.work).toBe(undefined)
        expect(payload.header).toMatchObject({ extraData: zeroHash, feeRecipient: block.proposer })
        continue
      }
      const { work } = block
      const place = [128, 129, 130, 131].indexOf(work!.seat)
      expect(block.mode).toBe('work')
      expect(block.proposer).toBe(memberOf(work!.seat).address)
      expect(block.modelHash).toBe(modelHashAt(place))
      expect(payload.header).toMatchObject({
        extraData: modelHashAt(place),
        feeRecipient: tipsAddress,
      })
      expect(work).toMatchObject({ segment: 5, flops: '77' })
      seen.add(`${work!.segmentId} ${work!.j}`)
    }
    expect(seen.size).toBe(12)
  })

  test('go by stake until the state two heights back exists, and where units are few', async () => {
    const chain = await createChain([{ seat: 128, units: 9 }])
    const modes = []
    for (let height = 1; height <= 20; height += 1) modes.push((await chain.extend()).block.mode)
    // One leader alone: every fourth height; nine units, and eight have to be left.
    expect(modes.flatMap((mode, i) => (mode === 'work' ? [i + 1] : []))).toEqual([4, 8])
  })

  test('spend the unit of a leader that was silent, and pay nobody for it', async () => {
    const chain = await createChain(usual.map((one) => ({ ...one, units: 2 })))
    await chain.extendTo(1)
    const { block, payload } = await chain.extend(memberOf(0))
    expect(block).toMatchObject({ mode: 'stake', height: 2 })
    expect(block.work).toBeDefined()
    expect(payload.header.feeRecipient).toBe(block.proposer)
    expect(payload.withdrawals).toEqual([])
    // Eight units were just enough for a draw.
    for (let height = 3; height <= 12; height += 1) {
      expect((await chain.extend()).block.work).toBe(undefined)
    }
  })

  test('are anybody’s whose seat is no longer in the set: the leader by stake makes them', async () => {
    const chain = await createChain(usual.map((one) => ({ ...one, seat: one.seat + 100 })))
    const { block } = await chain.extendTo(2)
    expect(electedIn(set, await chain.drawAfter({ ...chain.parent() }))).toBe(undefined)
    expect(block).toMatchObject({ mode: 'stake', proposer: memberOf(0).address })
    expect(block.work?.seat).toBeGreaterThanOrEqual(228)
  })

  test('are none where the election is switched off', async () => {
    const chain = await createChain(usual, { powEvery: 0 })
    const { block } = await chain.extendTo(8)
    expect(block.work).toBe(undefined)
  })
})

describe('rewards', () => {
  test('a leader by work gets its bonus at once, the tips that it may have a height later', async () => {
    const chain = await createChain()
    await chain.extendTo(1)
    const tipsWei = 21_000n * 1_000n * gwei
    await chain.tip(tipsWei)
    const { block, payload } = await chain.extend()
    const bonusGwei = 250_000n // 0.8 * 1,000,000 * 40 * 2 / 256
    const capGwei = 750_000n
    expect(block.work).toMatchObject({ bonusGwei: '250000', tipsMaxGwei: String(capGwei) })
    expect(payload.withdrawals).toEqual([
      {
        index: 16_384,
        validatorIndex: block.work!.seat,
        address: block.proposer,
        amountGwei: bonusGwei,
      },
    ])
    expect(await chain.balance(tipsAddress)).toBe(tipsWei)
    const after = await chain.extend()
    const others = tipsWei / gwei - capGwei
    expect(
      after.payload.withdrawals.map(({ address, amountGwei }) => [address, amountGwei]),
    ).toEqual([
      [block.proposer, capGwei],
      [after.block.proposer, others / 2n],
      [memberOf(0).address, others / 4n],
      [memberOf(1).address, others / 4n],
    ])
    expect(after.block.parentVotes?.block).toBe(after.parent.root)
    expect(new Set(after.payload.withdrawals.map(({ index }) => index)).size).toBe(4)
    expect(await chain.balance(block.proposer)).toBe((bonusGwei + capGwei) * gwei)
    expect((await chain.extend()).payload.withdrawals).toHaveLength(1)
  })

  test('voters that the next block does not show are not paid, and nobody else for them', async () => {
    const chain = await createChain()
    await chain.extendTo(1)
    await chain.tip(21_000n * 1_000n * gwei)
    const { block } = await chain.extend()
    const made = await chain.next(memberOf(0), votesOf(zeroHash))
    expect(made.block.parentVotes).toBe(undefined)
    expect(await chain.check(made)).toBe(undefined)
    const others = 21_000_000n - 750_000n
    expect(
      made.payload.withdrawals.map(({ address, amountGwei }) => [address, amountGwei]),
    ).toEqual([
      [block.proposer, 750_000n],
      [memberOf(0).address, others / 2n],
    ])
  })

  test('what a unit brings is below its price, however often its owner leads', async () => {
    const chain = await createChain()
    let paidGwei = 0n
    for (let height = 1; height <= 64; height += 1) {
      const { payload } = await chain.extend()
      for (const { amountGwei } of payload.withdrawals) paidGwei += amountGwei
    }
    // Forty units, counted for a quarter of their life.
    expect(paidGwei).toBe(32n * 250_000n)
    expect(paidGwei).toBeLessThan((40n * 1_000_000n) / 4n)
  })
})

describe('createChecker refuses', () => {
  /** What the check says of a right block with something changed. */
  async function faultOf(change: (made: Made) => Made): Promise<string | undefined> {
    const chain = await createChain()
    await chain.extendTo(3)
    const made = await chain.next()
    expect(made.block.mode).toBe('work')
    return chain.check(change(made))
  }
  const other = `0x${'ee'.repeat(32)}` as const

  test.each([
    ['another unit', (made) => changed(made, { work: { ...made.block.work!, j: 11 } }), 'work'],
    ['a spent unit of another segment', (made) => wrong(made, { segmentId: other }), 'work'],
    ['another urn', (made) => wrong(made, { urnRoot: other }), 'work'],
    ['a higher bonus', (made) => wrong(made, { bonusGwei: '999999999' }), 'work'],
    ['a higher cap on tips', (made) => wrong(made, { tipsMaxGwei: '999999999' }), 'work'],
    ['no unit', (made) => changed(made, { work: undefined }), 'work'],
    [
      'another model hash',
      (made) => changed(made, { modelHash: other }, { extraData: other }),
      'modelHash',
    ],
    [
      'a model hash that the header does not have',
      (made) => changed(made, { modelHash: other }),
      'extraData',
    ],
    [
      'a leader by work that says it led by stake',
      (made) => changed(made, { mode: 'stake' }, { feeRecipient: made.block.proposer }),
      'mode',
    ],
    [
      'tips that go to the leader by work',
      (made) => changed(made, {}, { feeRecipient: made.block.proposer }),
      'feeRecipient',
    ],
    ['a bonus that is not paid', (made) => paying(made, []), 'withdrawals'],
    [
      'a bonus that is larger than the draw gave',
      (made) => paying(made, raised(made.payload.withdrawals)),
      'withdrawals',
    ],
  ] satisfies readonly [string, (made: Made) => Made, string][])('%s', async (_, change, name) => {
    expect(await faultOf(change)).toMatch(new RegExp(`^${name} is .* where .* follows$`))
  })

  test.each([
    ['votes of fewer than a quorum', (root: Hex) => votesOf(root, [0]), /not signed by a quorum/],
    ['votes of another chain', (root: Hex) => votesOf(root, [0, 1], 1), /not signed by a quorum/],
    ['votes for another block', () => votesOf(other), /not for the parent/],
    ['votes that get nothing', () => undefined, /^withdrawals is /],
  ] as const)('%s', async (_, votes, reason) => {
    const chain = await createChain()
    await chain.extendTo(1)
    await chain.tip(21_000n * 1_000n * gwei)
    await chain.extend()
    const made = await chain.next()
    const parentVotes = votes(made.parent.root)
    expect(await chain.check(changed(made, { parentVotes }))).toMatch(reason)
  })

  test('votes where work did not lead', async () => {
    const chain = await createChain()
    await chain.extendTo(1)
    const made = await chain.next()
    const parentVotes = votesOf(made.parent.root)
    expect(await chain.check(changed(made, { parentVotes }))).toMatch(/work did not lead/)
  })

  test('a leader by stake that calls its block led by work', async () => {
    const chain = await createChain()
    await chain.extendTo(3)
    const made = await chain.next(memberOf(0))
    const lie = changed(made, { mode: 'work' }, { feeRecipient: tipsAddress })
    expect(await chain.check(lie)).toMatch(/^mode is /)
  })

  test('a unit at a height that goes by stake', async () => {
    const chain = await createChain()
    const { block } = await chain.extendTo(2)
    const made = await chain.next(memberOf(0))
    expect(await chain.check(changed(made, { work: block.work }))).toMatch(/^work is /)
  })
})

function wrong(made: Made, work: Partial<ConsensusBlock['work'] & object>): Made {
  return changed(made, { work: { ...made.block.work!, ...work } })
}

function paying(made: Made, withdrawals: Payload['withdrawals']): Made {
  return { ...made, payload: { ...made.payload, withdrawals } }
}

function raised(withdrawals: Payload['withdrawals']): Payload['withdrawals'] {
  return withdrawals.map((one) => ({ ...one, amountGwei: one.amountGwei + 1n }))
}
