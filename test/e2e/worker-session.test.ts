import { afterEach, describe, expect, test } from 'vitest'
import { auditWorld } from './worker-audit.ts'
import { createWorld, smallSpec, untilProgress, type Machine, type World } from './worker-world.ts'

const worlds: World[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function worldOf(...args: Parameters<typeof createWorld>): Promise<World> {
  const world = await createWorld(...args)
  worlds.push(world)
  return world
}

const roundsOf = ({ progress }: Machine) => progress.filter((step) => step.kind === 'round')
const models = (world: World) => new Set(world.market.view().results.map((one) => one.modelHash))

async function openings(machines: readonly Machine[]): Promise<void> {
  for (const machine of machines) await untilProgress(machine, ({ kind }) => kind === 'opened')
}

describe('runSession', () => {
  test('three workers submit one model, whose every drawn step an auditor repeats', async () => {
    const world = await worldOf(3)
    const { machines, market, spec } = world
    for (const machine of machines) machine.begin()
    const view = await world.until((seen) => seen.phase === 'submitted')
    expect(view.results).toHaveLength(3)
    expect(models(world).size).toBe(1)
    expect(new Set(view.results.map(({ modelCidDigest }) => modelCidDigest)).size).toBe(1)
    for (const machine of machines) {
      expect(roundsOf(machine).map(({ listed }) => listed)).toEqual(Array(smallSpec.rounds).fill(3))
    }
    expect(market.calls.filter((name) => name === 'closeRound')).toEqual([])
    await openings(machines)
    const { findings, repeats } = await auditWorld(world, spec, market.view())
    expect(findings).toEqual([])
    for (const outcomes of repeats.values()) {
      expect(outcomes.length).toBeGreaterThan(0)
      expect(new Set(outcomes)).toEqual(new Set(['equal']))
    }
  })

  test('a worker that is killed goes on where it was, and the model is the same', async () => {
    const world = await worldOf(3)
    const [first, second, third] = world.machines as [Machine, Machine, Machine]
    first.begin()
    second.begin()
    const session = third.begin()
    await untilProgress(third, (step) => step.kind === 'round' && step.round === 2)
    await session.stop()
    third.begin()
    await world.until((seen) => seen.phase === 'submitted')
    expect(models(world).size).toBe(1)
    expect(third.progress.some(({ kind }) => kind === 'resumed')).toBe(true)
    await openings(world.machines)
    const { findings, repeats } = await auditWorld(world, world.spec, world.market.view())
    expect(findings).toEqual([])
    expect(new Set([...repeats.values()].flat())).toEqual(new Set(['equal']))
  })

  test('a worker that vanishes is skipped, waited for three times, and the others finish', async () => {
    const world = await worldOf(3)
    const [first, second, third] = world.machines as [Machine, Machine, Machine]
    const times = { floorMs: 3_000, firstFloorMs: 6_000, viewMs: 1_200 }
    first.begin({ times })
    second.begin({ times })
    const session = third.begin({ times })
    await untilProgress(third, (step) => step.kind === 'round' && step.round === 2)
    await session.stop()
    await world.until((seen) => seen.results.length === 2)
    expect(models(world).size).toBe(1)
    expect(roundsOf(first).at(-1)?.listed).toBe(2)
    expect(world.market.calls.filter((name) => name === 'closeRound')).toEqual([])
  })

  test('without a quorum the contract fixes the lists', async () => {
    const train = { ...smallSpec, rounds: 3 }
    const world = await worldOf(2, { train })
    const [first, second] = world.machines as [Machine, Machine]
    second.begin({ misbehave: 'silent' })
    first.begin({
      times: { floorMs: 1_200, firstFloorMs: 1_200, viewMs: 800, closeAfterLateMs: 800 },
    })
    const view = await world.until((seen) => seen.results.length === 1)
    expect(view.closedRounds.map(({ round }) => round)).toEqual([0, 1, 2])
    expect(roundsOf(first).every(({ isClosedOnChain }) => isClosedOnChain)).toBe(true)
    expect(second.progress).toEqual([])
  })

  test('after a verdict the others start again without the guilty worker', async () => {
    const world = await worldOf(3)
    const [first, second, third] = world.machines as [Machine, Machine, Machine]
    for (const machine of world.machines) machine.begin()
    await world.until((seen) => seen.phase === 'submitted')
    world.market.slash([third.owner])
    const view = await world.until((seen) => seen.phase === 'submitted' && seen.attempt === 1)
    expect(view.results.map(({ worker }) => worker).toSorted()).toEqual([first.owner, second.owner])
    expect(models(world).size).toBe(1)
    await untilProgress(second, (step) => step.kind === 'opened' && step.attempt === 1)
    await untilProgress(first, (step) => step.kind === 'opened' && step.attempt === 1)
    const { findings, repeats } = await auditWorld(world, world.spec, view)
    expect(findings).toEqual([])
    expect(new Set([...repeats.values()].flat())).toEqual(new Set(['equal']))
  })
})

describe('a worker that misbehaves', () => {
  test.each([
    ['skip-steps', 'different'],
    ['noise', 'different'],
    ['copy-update', 'different'],
    ['withhold-states', 'withheld'],
  ] as const)('%s: a drawn step comes out as %s', async (misbehave, outcome) => {
    const world = await worldOf(2)
    const [honest, cheat] = world.machines as [Machine, Machine]
    honest.begin()
    cheat.begin({ misbehave })
    const view = await world.until((seen) => seen.phase === 'submitted')
    await openings(outcome === 'withheld' ? [honest] : world.machines)
    const { repeats } = await auditWorld(world, world.spec, view)
    expect(repeats.get(cheat.owner)).toContain(outcome)
    expect(new Set(repeats.get(honest.owner))).toEqual(new Set(['equal']))
  })
})
