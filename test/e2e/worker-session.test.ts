import { afterEach, describe, expect, test } from 'vitest'
import { createWorld, smallSpec, type World } from './worker-world.ts'

const worlds: World[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function worldOf(...args: Parameters<typeof createWorld>): Promise<World> {
  const world = await createWorld(...args)
  worlds.push(world)
  return world
}

describe('runSession', () => {
  test('three workers submit one model', async () => {
    const { machines, market, until } = await worldOf(3)
    for (const machine of machines) machine.begin()
    const view = await until((seen) => seen.phase === 'submitted')
    expect(view.results).toHaveLength(3)
    expect(new Set(view.results.map(({ modelHash }) => modelHash)).size).toBe(1)
    expect(new Set(view.results.map(({ modelCidDigest }) => modelCidDigest)).size).toBe(1)
    expect(new Set(view.results.map(({ segmentsRoot }) => segmentsRoot)).size).toBe(3)
    for (const { progress } of machines) {
      const rounds = progress.filter((step) => step.kind === 'round')
      expect(rounds.map(({ listed }) => listed)).toEqual(Array(smallSpec.rounds).fill(3))
    }
    expect(market.calls.filter((name) => name === 'closeRound')).toEqual([])
  })
})
