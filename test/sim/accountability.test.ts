import { describe, expect, test } from 'vitest'
import { type Evidence, guiltyOf } from '#chain/core/consensus/evidence.ts'
import type { Certificate } from '#chain/core/consensus/messages.ts'
import { type Plan, type Trick, planOf } from './consensus/plan.ts'
import { World } from './consensus/world.ts'

const faulty = [0, 1]
const forking: ReadonlySet<Trick> = new Set(['divide', 'vote for all', 'equivocate'])

/** Two of four are faulty: more than consensus bears. */
function planOfForks(seed: number): Plan {
  const members = [0, 1, 2, 3].map((machine) => ({ machine, weight: 1 }))
  const calm = {
    crashes: [],
    partition: 'halves',
    lossPercent: 0,
    diskMsMax: [5, 5, 5, 5],
  } as const
  const adversaries = new Map(faulty.map((machine) => [machine, forking]))
  const shape = { epochs: [members], machines: 4, blocksPerEpoch: 1_000_000, healMs: 3000 }
  return { ...planOf(seed), ...calm, ...shape, clockRates: [1, 1, 1, 1], adversaries }
}

/** Certificates in the logs of the honest. */
function certificatesOf(world: World): readonly Certificate[] {
  const honest = world.hosts.filter(({ machine }) => !faulty.includes(machine))
  return honest.flatMap((host) =>
    host.log().flatMap((entry) => (entry.kind === 'certificate' ? [entry.certificate] : [])),
  )
}

function convictedBy(world: World): ReadonlySet<number> {
  const { set } = world.epoch(0)
  const certificates = certificatesOf(world)
  const pairs = certificates.flatMap((first) =>
    certificates
      .filter((second) => second.view === first.view)
      .map((second): Evidence => ({ kind: 'certificates', first, second })),
  )
  return new Set(pairs.flatMap((evidence) => guiltyOf(evidence, set)))
}

function runToFork(seed: number): { readonly world: World; readonly isForked: boolean } {
  const world = new World(planOfForks(seed))
  try {
    world.run()
  } catch (error) {
    // Either the oracle saw the fork, or a node met a final block beside its own chain and stopped.
    return { world, isForked: /FORK|final block|is one chain/.test(String(error)) }
  }
  return { world, isForked: false }
}

describe('with more than a third faulty', () => {
  test('the certificates of every fork convict more than a third of the weight, all of them faulty', () => {
    let forks = 0
    for (let seed = 0; seed < 60; seed += 1) {
      const { world, isForked } = runToFork(seed)
      if (!isForked) continue
      forks += 1
      const convicted = convictedBy(world)
      expect(convicted, `seed ${seed}`).toEqual(new Set(faulty))
    }
    expect(forks).toBeGreaterThan(5)
  })
})
