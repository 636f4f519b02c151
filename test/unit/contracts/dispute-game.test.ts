import { beforeAll, describe, expect, test } from 'vitest'
import { keccak256, toBytes } from 'viem'
import { toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import type { Hex } from '#wire/primitives.ts'
import { mlpSpec } from '../compute/fixtures.ts'
import { tensorsAfter } from '../compute/transcript/specs.ts'
import { forged } from './forge.ts'
import type { Call } from './compile.ts'
import {
  type Claim,
  type Position,
  pairHash,
  phases,
  signClaim,
  splitAndPick,
  startOf,
  stateHash,
} from './dispute-moves.ts'
import { createAsserter, leafHash, programRoot, statesOf, stepClaimOf } from './dispute-player.ts'
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

const hashAt = (salt: string) => async (place: bigint) => keccak256(toBytes(`${salt} ${place}`))

/** A claim of many steps of which the right ones are known up to `lie`. */
async function stepsClaim(world: World, steps: bigint, lie: bigint) {
  const right = hashAt('right')
  const asserted = async (place: bigint): Promise<Hex> =>
    place < lie ? right(place) : hashAt('wrong')(place)
  const startLeaf = await asserted(0n)
  const endLeaf = await asserted(steps)
  const signed = await signClaim(world, { steps, startLeaf, endLeaf })
  const isRight = (place: bigint) => place < lie
  return { ...signed, asserted, isRight }
}

async function open(
  world: World,
  { claim, signature }: { claim: Claim; signature: Hex },
  by = challenger,
) {
  const { result, gas } = await world.play(by, 'open', claim, signature)
  return { id: result as Hex, gas, position: startOf(claim) }
}

/** Everything that a dispute about one step comes to, between an asserter and a challenger with tensors of their own. */
async function playStep(world: World, tensors: StepTensors, own = honest) {
  const step = stepClaimOf(tensors, 1)
  const startLeaf = leafHash(step.start)
  const endLeaf = leafHash(step.end)
  const signed = await signClaim(world, { startLeaf, endLeaf, programRoot: programRoot(own) })
  const { id, position: start } = await open(world, signed)
  const sides = createAsserter(world, id, { claim: signed.claim, step })
  let { position } = await sides.openStep(start)
  while (position.phase === phases.splitTensors) {
    const prefix = (of: StepTensors) => (place: bigint) => toHex(of.prefixRoot(Number(place)))
    const round = await splitAndPick(world, id, position, {
      asserted: async (place) => prefix(tensors)(place),
      isRight: (place, root) => prefix(own)(place) === root,
    })
    position = round.position
  }
  ;({ position } = await sides.openTensor(position))
  while (position.phase === phases.openNode) {
    ;({ position } = await sides.openNode(position, own))
  }
  ;({ position } = await sides.openLeaf(position, own))
  return { id, sides, position, claim: signed.claim }
}

/** Goes on to at most 64 terms with the asserter's states, which may end in a lie. */
async function playElement(
  world: World,
  game: Awaited<ReturnType<typeof playStep>>,
  tensors: StepTensors,
  truth = honest,
) {
  const { id, sides } = game
  let { position } = game
  const honestStates = await statesOf(call, truth, Number(position.entry), Number(position.place))
  const { length } = honestStates
  const right = await honestStates.at(length)
  const registers = (right.registers & ~0xffffffffn) | BigInt(position.value)
  ;({ position } = await sides.openElement(position, { ...right, registers }, length))
  const said = async (place: bigint) => {
    if (Number(place) === length) return { ...right, registers }
    return (await statesOf(call, tensors, Number(position.entry), Number(position.place))).at(
      Number(place),
    )
  }
  const known = new Map<bigint, Hex>()
  const asserted = async (place: bigint) => {
    known.set(place, stateHash(await honestStates.at(Number(place))))
    return stateHash(await said(place))
  }
  while (position.high - position.low > 64n) {
    const isRight = (place: bigint, claim: Hex) => known.get(place) === claim
    ;({ position } = await splitAndPick(world, id, position, { asserted, isRight }))
  }
  const states = { before: await said(position.low), result: await said(position.high) }
  return { ...game, position, states }
}

/** Gas of a proof of 64 products from two whole leaves: a weight's gradient over 64 rows of 32 values. */
async function proofOfProducts(): Promise<number> {
  const right = await tensorsAfter(
    { ...spec, inputShape: [32], model: { kind: 'mlp', hidden: [32] }, batchSize: 64 },
    2,
  )
  const place = right.program.entries.findLastIndex(
    ({ kind, sides, sizeElements }) => kind === 0 && sides[1] === 64n && sizeElements === 1024,
  )
  const world = await warmWorld()
  const wrong = forged(right, place, 700)
  const game = await playElement(world, await playStep(world, right, wrong), right, right)
  expect(game.position).toMatchObject({ entry: BigInt(place), place: 700n, low: 0n, high: 64n })
  return (await game.sides.prove(call, game.position, game.states)).gas
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
    const game = await playElement(world, await playStep(world, honest), honest)
    const { gas } = await game.sides.prove(call, game.position, game.states)
    expect(gas).toBeLessThanOrEqual(500_000)
    const after = await world.balances()
    const lostWei = 4n * bondWei // steps, tensors, the tree and the terms
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
    const liar = forged(honest, place, 0)
    const game = await playElement(world, await playStep(world, liar), liar)
    expect(Number(game.position.entry)).toBe(place)
    await expect(game.sides.prove(call, game.position, game.states)).rejects.toThrow('WrongResult')
    world.pass(clockSeconds + 1)
    await world.play(second, 'expire', game.id, game.position, game.claim)
    const after = await world.balances()
    const lostWei = 4n * bondWei
    expect(before.asserter - after.asserter).toBe(lostWei)
    expect(after.challenger - before.challenger).toBe((lostWei * 3n) / 10n)
    expect(after.client - before.client).toBe((lostWei * 2n) / 10n)
    expect(after.burned).toBe(lostWei / 2n)
  })

  test('costs what is committed: 2^20 steps at most 650,000 gas, a proof at most 500,000', async () => {
    const world = await warmWorld()
    const steps = 2n ** 20n
    const claim = await stepsClaim(world, steps, 777_777n)
    const opened = await open(world, claim)
    let { position } = opened
    let dissection = opened.gas
    while (position.phase === phases.splitSteps) {
      const round = await splitAndPick(world, opened.id, position, claim)
      position = round.position
      dissection += round.gas
    }
    expect(position.low).toBe(777_776n)
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
    const wrong = await signClaim(world, { startLeaf: `0x${'01'.repeat(32)}` }, second)
    await refused(open(world, wrong), 'BadSignature')
    await refused(open(world, await signClaim(world, {})), 'BadClaim')
    await refused(open(world, await signClaim(world, { steps: 0n })), 'BadClaim')
    const late = await signClaim(world, { startLeaf: `0x${'01'.repeat(32)}` })
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
    const between: Position = { ...position, phase: phases.pickStep, claims: listOf(claims) }
    await refused(world.play(challenger, 'pick', id, between, claims, 32n), 'OutOfRange 32 32')
    await refused(world.play(challenger, 'pick', id, between, claims.toReversed(), 0n), 'WrongHash')
  })

  test('who is silent loses, and nobody before its time', async () => {
    const { world, claim, id, position, claims } = await start()
    world.pass(clockSeconds - 10)
    await world.play(asserter, 'split', id, position, claims)
    const between: Position = { ...position, phase: phases.pickStep, claims: listOf(claims) }
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
    const between: Position = { ...position, phase: phases.pickStep, claims: listOf(claims) }
    world.pass(clockSeconds + 1)
    await world.play(asserter, 'expire', id, between, claim.claim)
    world.pass(clockSeconds)
    expect((await open(world, claim, second)).id).toBe(id)
  })

  test('what is shown has to match what was said', async () => {
    const world = await createWorld()
    const game = await playStep(world, honest)
    const { id, claim, position, sides } = game
    const states = await statesOf(call, honest, Number(position.entry), Number(position.place))
    const result = await states.at(states.length)
    const other = { ...result, registers: result.registers ^ 1n }
    await refused(sides.openElement(position, other, states.length), 'WrongHash')
    const { position: next } = await sides.openElement(position, result, states.length)
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
    await refused(open(world, await stepsClaim(world, 11n, 4n)), 'BalanceTooLow')
  })
})

function listOf(claims: readonly Hex[]): Hex {
  return keccak256(`0x${claims.map((claim) => claim.slice(2)).join('')}`)
}

describe('random lies', () => {
  const seed = 21
  test(`money is conserved, and the liar pays (seed ${seed})`, async () => {
    const rng = createRng(seed)
    const { entries, givenCount } = honest.program
    for (let draw = 0; draw < 6; draw += 1) {
      const world = await createWorld()
      const before = await world.balances()
      const place = givenCount + rng.below(entries.length - givenCount)
      const liar = forged(honest, place, rng.below(entries[place]!.sizeElements))
      const game = await playElement(world, await playStep(world, liar), liar)
      expect(Number(game.position.entry)).toBe(place)
      await expect(game.sides.prove(call, game.position, game.states)).rejects.toThrow(Refused)
      world.pass(clockSeconds + 1)
      await world.play(second, 'expire', game.id, game.position, game.claim)
      const after = await world.balances()
      const sum = ({ held, ...owed }: typeof before) =>
        Object.values(owed).reduce((a, b) => a + b, 0n) - held
      expect(sum(before)).toBe(sum(after))
      expect(after.challenger).toBeGreaterThan(before.challenger)
    }
  })
})
