import { beforeAll, describe, expect, test } from 'vitest'
import { keccak256, toBytes } from 'viem'
import { createRng } from '#base/rng.ts'
import {
  type Position,
  listHash,
  pairHash,
  phases,
  startOf,
} from '#chain/client/dispute/position.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import type { Hex } from '#wire/primitives.ts'
import { mlpSpec } from '../compute/fixtures.ts'
import { tensorsAfter } from '../compute/transcript/specs.ts'
import { forged } from './forge.ts'
import type { Call } from './compile.ts'
import { leavesWork, openGame, signed, signedStep, workOf } from './dispute-turns.ts'
import {
  Refused,
  type World,
  asserter,
  bondWei,
  challenger,
  clockSeconds,
  createWorld,
  second,
} from './dispute-world.ts'
import { gasChanges } from './gas-figures.ts'
import { openVerifier } from './verifier.ts'

const spec = {
  ...mlpSpec,
  inputShape: [130],
  model: { kind: 'mlp' as const, hidden: [40] },
  batchSize: 20,
}

let call: Call
let honest: StepTensors
beforeAll(async () => {
  call = await openVerifier()
  honest = await tensorsAfter(spec, 2)
})

const hashAt = (salt: string, place: number | bigint) => keccak256(toBytes(`${salt} ${place}`))

/** A claim of many steps of which the right ones are known up to `lie`. */
async function stepsClaim(world: World, steps: bigint, lie: bigint) {
  const asserted = async (place: number | bigint): Promise<Hex> =>
    hashAt(place < lie ? 'right' : 'wrong', place)
  const startLeaf = await asserted(0n)
  const endLeaf = await asserted(steps)
  return { ...(await signed(world, { steps, startLeaf, endLeaf })), asserted }
}

async function open(
  world: World,
  { claim, signature }: Awaited<ReturnType<typeof signed>>,
  by = challenger,
) {
  const { result } = await world.play(by, 'open', claim, signature)
  return { id: result as Hex, position: startOf(claim) }
}

/** A dispute about one step, between an asserter and a challenger with tensors of their own. */
async function stepGame(
  world: World,
  said: StepTensors,
  { known = honest, insists = true }: { known?: StepTensors; insists?: boolean } = {},
) {
  const work = workOf(said)
  const claim = await signedStep(world, work, said, said)
  return openGame(world, claim, { call, said: work, known: workOf(known), insists })
}

const isBeforeElement = ({ position }: { position: Position }) =>
  position.phase < phases.openElement

/** Gas of a proof of 64 products from two whole leaves: a weight's gradient over 64 rows of 8 values. */
async function proofOfProducts(): Promise<number> {
  const right = await tensorsAfter(
    { ...spec, inputShape: [8], model: { kind: 'mlp', hidden: [8] }, batchSize: 64 },
    2,
  )
  const place = right.program.entries.findLastIndex(
    ({ kind, sides, sizeElements }) => kind === 0 && sides[1] === 64n && sizeElements === 64,
  )
  const world = await warmWorld()
  const game = await stepGame(world, right, { known: forged(right, place, 44) })
  await game.playWhile(({ position }) => position.phase !== phases.splitSlice)
  const { position } = game.standing()
  expect(position).toMatchObject({ entry: BigInt(place), place: 44n, low: 0n, high: 64n })
  const move = await game.next()
  expect(move?.name).toBe('prove')
  return game.make(move!)
}

/** A world in which a dispute was lost before, so that nothing of the game's own is written for the first time. */
async function warmWorld(): Promise<World> {
  const world = await createWorld()
  const claim = await stepsClaim(world, 7n, 3n)
  const { id, position } = await open(world, claim, second)
  world.pass(clockSeconds + 1)
  await world.play(second, 'expire', id, position, claim.claim)
  return world
}

describe('a dispute', () => {
  test('about a right claim is won by the asserter, by proof of the terms', async () => {
    const world = await createWorld()
    const before = await world.balances()
    // The challenger is the one that computes wrongly.
    const place = honest.program.entries.findIndex(({ name }) => name.startsWith('SumRows'))
    const game = await stepGame(world, honest, { known: forged(honest, place, 5), insists: false })
    await game.playWhile(() => true)
    expect(game.standing().outcome?.winner).toBe(asserter.address.toLowerCase())
    const after = await world.balances()
    const lostWei = 3n * bondWei // steps, tensors and the tree: the terms were proven at once
    expect(after.asserter - before.asserter).toBe((lostWei * 3n) / 10n)
    expect(after.client - before.client).toBe((lostWei * 2n) / 10n)
    expect(before.challenger - after.challenger).toBe(lostWei)
    expect(after.burned).toBe(lostWei / 2n)
  })

  test.each([
    ['an output', 'Gemm'],
    ['a gradient', 'SumRows'],
    ['the parameters', 'p after'],
    ['the folded gradients', 'folded'],
    ['the loss', 'SoftmaxCrossEntropy'],
  ])('about a lie in %s is won by the challenger', async (_title, name) => {
    const world = await createWorld()
    const before = await world.balances()
    const place = honest.program.entries.findIndex((entry) => entry.name.startsWith(name))
    const game = await stepGame(world, forged(honest, place, 0))
    await game.playWhile(isBeforeElement)
    expect(Number(game.standing().position.entry)).toBe(place)
    await game.playWhile(({ position }) => position.phase !== phases.splitSlice)
    const own = await game.next()
    if (own?.name === 'prove') await expect(game.make(own)).rejects.toThrow('WrongResult')
    while (!game.standing().outcome) await game.refuteOrMove()
    expect(game.standing().outcome?.winner).toBe(challenger.address.toLowerCase())
    const after = await world.balances()
    const lostWei = 4n * bondWei
    expect(before.asserter - after.asserter).toBe(lostWei)
    expect(after.challenger - before.challenger).toBe((lostWei * 3n) / 10n)
    expect(after.client - before.client).toBe((lostWei * 2n) / 10n)
    expect(after.burned).toBe(lostWei / 2n)
  })

  test('about other rows than the claim names ends where the step is opened', async () => {
    const world = await createWorld()
    const place = honest.program.entries.findIndex(({ name }) => name === 'x')
    const said = forged(honest, place, 0)
    const work = workOf(said)
    const claim = await signedStep(world, work, said, honest)
    const game = await openGame(world, claim, { call, said: work, known: workOf(honest) })
    await expect(game.playWhile(() => true)).rejects.toThrow('WrongBatch')
  })

  test('ends for an asserter that finds itself wrong before the last bond', async () => {
    const world = await createWorld()
    const place = honest.program.entries.findIndex(({ name }) => name.startsWith('Gemm'))
    const game = await stepGame(world, forged(honest, place, 0), { insists: false })
    await game.playWhile(() => true)
    expect(game.standing().position.phase).toBe(phases.openElement)
  })

  test('costs what is committed: 2^20 steps at most 650,000 gas, a proof at most 500,000', async () => {
    const world = await warmWorld()
    const lie = 777_777n
    const claim = await stepsClaim(world, 2n ** 20n, lie)
    const said = leavesWork(claim.asserted)
    const known = leavesWork(async (place) => hashAt('right', place))
    const game = await openGame(world, claim, { call, said, known })
    await game.playWhile(({ position }) => position.phase !== phases.openStep)
    expect(game.standing().stepPlace).toBe(777_776)
    const dissection = game.gas()
    const proof = await proofOfProducts()
    expect(dissection).toBeLessThanOrEqual(650_000)
    expect(proof).toBeLessThanOrEqual(500_000)
    expect(gasChanges('dispute', { 'dissection of 2^20 steps': dissection, proof })).toEqual([])
  })
})

describe('the rules', () => {
  const start = async () => {
    const world = await createWorld()
    const claim = await stepsClaim(world, 100n, 40n)
    const { id, position } = await open(world, claim)
    const claims: Hex[] = []
    for (let part = 0n; part <= 32n; part += 1n)
      claims.push(await claim.asserted((100n * part) / 32n))
    return { world, claim, id, position, claims }
  }
  const refused = (run: Promise<unknown>, error: string) => expect(run).rejects.toThrow(error)

  test('a claim is disputed once at a time, while it is open, by somebody else, when it is signed', async () => {
    const { world, claim } = await start()
    await refused(open(world, claim, second), 'AlreadyDisputed')
    await refused(open(world, claim, asserter), 'SelfDispute')
    const wrong = await signed(world, { startLeaf: `0x${'01'.repeat(32)}` }, second)
    await refused(open(world, wrong), 'BadSignature')
    await refused(open(world, await signed(world, {})), 'BadClaim')
    await refused(open(world, await signed(world, { steps: 0n })), 'BadClaim')
    const late = await signed(world, { startLeaf: `0x${'01'.repeat(32)}` })
    world.pass(601)
    await refused(open(world, late), 'ClaimExpired')
  })

  test('moves are made in turn, by their player, where the dispute stands', async () => {
    const { world, claim, id, position, claims } = await start()
    await refused(world.play(challenger, 'split', id, position, claims), 'NotYourTurn')
    await refused(world.play(second, 'split', id, position, claims), 'NotYourTurn')
    await refused(world.play(asserter, 'pick', id, position, claims, 0n), 'WrongPhase 1')
    await refused(world.play(asserter, 'openLeaf', id, position, '0x00'), 'WrongPhase 1')
    await refused(
      world.play(asserter, 'split', id, { ...position, high: 99n }, claims),
      'WrongPosition',
    )
    await world.play(asserter, 'split', id, position, claims)
    await refused(world.play(asserter, 'split', id, position, claims), 'WrongPosition')
    const { claim: signed } = claim
    await refused(world.play(second, 'expire', id, position, signed), 'WrongPosition')
    await refused(
      world.play(asserter, 'split', pairHash(id, id), position, claims),
      'WrongPhase 14',
    )
  })

  test('claims have their count and their ends', async () => {
    const { world, id, position, claims } = await start()
    await refused(world.play(asserter, 'split', id, position, claims.slice(1)), 'WrongCount 32 33')
    await refused(
      world.play(asserter, 'split', id, position, [...claims, claims[0]]),
      'WrongCount 34 33',
    )
    await refused(world.play(asserter, 'split', id, position, claims.toReversed()), 'WrongHash')
    await world.play(asserter, 'split', id, position, claims)
    const between: Position = { ...position, phase: phases.pickStep, claims: listHash(claims) }
    await refused(world.play(challenger, 'pick', id, between, claims, 32n), 'OutOfRange 32 32')
    await refused(world.play(challenger, 'pick', id, between, claims.toReversed(), 0n), 'WrongHash')
  })

  test('who is silent loses, and nobody before its time', async () => {
    const { world, claim, id, position, claims } = await start()
    world.pass(clockSeconds - 10)
    await world.play(asserter, 'split', id, position, claims)
    const between: Position = { ...position, phase: phases.pickStep, claims: listHash(claims) }
    world.pass(clockSeconds)
    await refused(world.play(second, 'expire', id, between, claim.claim), 'ClockRuns 0')
    await world.play(challenger, 'pick', id, between, claims, 3n)
    const next: Position = {
      ...between,
      phase: phases.splitSteps,
      low: 9n,
      high: 12n,
      claims: pairHash(claims[3]!, claims[4]!),
    }
    world.pass(11) // the asserter has ten seconds left
    const few = [9, 10, 11, 12].map((i) => claims[i] as Hex)
    await refused(world.play(asserter, 'split', id, next, few), 'ClockExpired')
    await world.play(second, 'expire', id, next, claim.claim)
    await refused(world.play(second, 'expire', id, next, claim.claim), 'WrongPhase 14')
    await refused(world.play(asserter, 'split', id, next, few), 'WrongPhase 14')
    await refused(open(world, claim, second), 'AlreadyLost')
  })

  test('a challenge that was lost leaves room for another', async () => {
    const { world, claim, id, position, claims } = await start()
    await world.play(asserter, 'split', id, position, claims)
    const between: Position = { ...position, phase: phases.pickStep, claims: listHash(claims) }
    world.pass(clockSeconds + 1)
    await world.play(asserter, 'expire', id, between, claim.claim)
    world.pass(clockSeconds)
    expect((await open(world, claim, second)).id).toBe(id)
  })

  test('what is shown has to match what was said', async () => {
    const world = await createWorld()
    const place = honest.program.entries.findIndex(({ name }) => name.startsWith('Gemm'))
    const game = await stepGame(world, honest, { known: forged(honest, place, 5) })
    await game.playWhile(isBeforeElement)
    const move = await game.next()
    const [, opening] = move!.args as [unknown, { result: { lanes: bigint; registers: bigint } }]
    const result = { ...opening.result, registers: opening.result.registers ^ 1n }
    const wrong = { name: 'openElement', args: [game.claim, { ...opening, result }] }
    await refused(game.make(wrong), 'WrongHash')
    await game.make(move!)
    const { id, claim, position: next } = game.standing()
    const foreign = { ...claim, programRoot: `0x${'77'.repeat(32)}` }
    await refused(world.play(second, 'expire', id, next, foreign), 'BadClaim')
  })

  test('balance leaves after its time, and bonds reach it until then', async () => {
    const world = await createWorld()
    await refused(world.play(asserter, 'thaw', 1001n * 10n ** 18n), 'BalanceTooLow')
    await refused(world.play(asserter, 'withdraw'), 'NothingThawing')
    await world.play(asserter, 'thaw', 1000n * 10n ** 18n)
    await refused(world.play(asserter, 'withdraw'), 'StillThawing')
    await open(world, await stepsClaim(world, 10n, 4n))
    world.pass(8 * 86_400)
    const { result } = await world.play(asserter, 'withdraw')
    expect(result).toBe(1000n * 10n ** 18n - bondWei)
    // A registered worker is disputed without a balance; whoever disputes needs one.
    const claim = await stepsClaim(world, 11n, 4n)
    const { id, position } = await open(world, claim)
    const places = Array.from({ length: 12 }, (_, place) => BigInt(place))
    const claims = await Promise.all(places.map(claim.asserted))
    await refused(world.play(asserter, 'split', id, position, claims), 'BalanceTooLow')
  })
})

describe('random lies', () => {
  const seed = 21
  test(`money is conserved, and the liar pays (seed ${seed})`, async () => {
    const rng = createRng(seed)
    const { entries, givenCount } = honest.program
    for (let draw = 0; draw < 6; draw += 1) {
      const world = await createWorld()
      const before = await world.balances()
      const place = givenCount + rng.below(entries.length - givenCount)
      const game = await stepGame(
        world,
        forged(honest, place, rng.below(entries[place]!.sizeElements)),
      )
      await expect(game.playWhile(() => true)).rejects.toThrow(Refused)
      const { id, position, claim } = game.standing()
      expect(Number(position.entry)).toBe(place)
      world.pass(clockSeconds + 1)
      await world.play(second, 'expire', id, position, claim)
      const after = await world.balances()
      const sum = ({ held, ...owed }: typeof before) =>
        Object.values(owed).reduce((a, b) => a + b, 0n) - held
      expect(sum(before)).toBe(sum(after))
      expect(after.challenger).toBeGreaterThan(before.challenger)
    }
  })
})
