import { beforeAll, describe, expect, test } from 'vitest'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { isAsserters } from '#chain/client/dispute/position.ts'
import { type Standing, foldDispute } from '#chain/client/dispute/standing.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import { createAsserter } from '#dispute/asserter.ts'
import { createChallenger } from '#dispute/challenger.ts'
import { type GameChain, type Player, playDispute } from '#dispute/play.ts'
import type { Move } from '#dispute/work.ts'
import { blindMove } from '#evaluator/challenge/misbehave.ts'
import type { Hex } from '#wire/primitives.ts'
import { mlpSpec } from '../compute/fixtures.ts'
import { tensorsAfter } from '../compute/transcript/specs.ts'
import type { Call } from '../contracts/compile.ts'
import { signedStep, verifierOf, workOf } from '../contracts/dispute-turns.ts'
import {
  Refused,
  type World,
  asserter,
  bondWei,
  challenger,
  clockSeconds,
  createWorld,
} from '../contracts/dispute-world.ts'
import { forged } from '../contracts/forge.ts'
import { openVerifier } from '../contracts/verifier.ts'

let call: Call
let honest: StepTensors
beforeAll(async () => {
  call = await openVerifier()
  honest = await tensorsAfter({ ...mlpSpec, inputShape: [70] }, 2)
})

/** A claim by `said` is disputed by `known`; the chain of each side, whose time the players' sleeping moves. */
async function opened(said: StepTensors, known = honest, insists = said !== honest) {
  const world = await createWorld()
  const { claim, signature } = await signedStep(world, workOf(said), said, said)
  const first = await world.play(challenger, 'open', claim, signature)
  let standing: Standing | undefined
  for (const event of first.events) standing = foldDispute(standing, event, clockSeconds)
  const { id } = standing!
  const sent: string[] = []

  const chainOf = (side: Player['side']): GameChain => ({
    standing: async () => standing,
    nowSeconds: async () => world.now(),
    async send(name, args) {
      const account = side === 'asserter' ? asserter : challenger
      const made = await world.play(account, name, ...args).catch((error: unknown) => {
        throw error instanceof Refused
          ? new AppError({ code: 'REVERTED', reason: error.message.split(' ')[0] })
          : error
      })
      for (const event of made.events) standing = foldDispute(standing, event, clockSeconds)
      sent.push(`${side} ${name}`)
      return { gasUsed: BigInt(made.gas) }
    },
  })

  const verifier = verifierOf(call)
  const movesOf = {
    asserter: () => createAsserter({ work: workOf(said), verifier }, { insists }),
    challenger: () => createChallenger({ work: workOf(known), verifier }),
  }
  return { world, id, sent, chainOf, movesOf, standing: () => standing! }
}

/** A clock whose sleep is a turn of the machine and `seconds` on the chain. */
function clockOf(world: World, seconds: number): Clock {
  return {
    nowMs: () => world.now() * 1000,
    async sleep(_durationMs, signal) {
      signal?.throwIfAborted()
      world.pass(seconds)
      await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
    },
  }
}

type Opened = Awaited<ReturnType<typeof opened>>

function play(
  { world, id, chainOf }: Opened,
  { side, moveOf }: { side: Player['side']; moveOf: Player['moveOf'] },
  { seconds = 1, signal = new AbortController().signal } = {},
) {
  const deps = { chain: chainOf(side), clock: clockOf(world, seconds), log: noopLogger }
  return playDispute(deps, { id, side, moveOf }, signal)
}

const lieAt = (name: string, element: number) => {
  const place = honest.program.entries.findIndex((entry) => entry.name.startsWith(name))
  return forged(honest, place, element)
}
const lower = (address: Hex) => address.toLowerCase()

describe('playDispute', () => {
  test.each([
    ['refutes a liar that insists', 'refute', true],
    ['expires a liar that has nothing more to say', 'expire', false],
  ])('plays both sides to the end, and %s', async (_title, last, insists) => {
    const game = await opened(lieAt('Gemm', 3), honest, insists)
    const levels = insists ? 4n : 3n
    const before = await game.world.balances()
    const sides = await Promise.all(
      (['asserter', 'challenger'] as const).map((side) =>
        play(game, { side, moveOf: game.movesOf[side]() }),
      ),
    )
    expect(game.sent.at(-1)).toBe(`challenger ${last}`)
    for (const { standing } of sides) {
      expect(standing.outcome).toMatchObject({
        winner: lower(challenger.address),
        loser: lower(asserter.address),
        lostWei: levels * bondWei,
      })
    }
    const gas = sides.reduce((sum, { gasUsed }) => sum + gasUsed, 0n)
    expect(gas).toBeGreaterThan(500_000n)
    expect(gas).toBeLessThanOrEqual(2_000_000n)
    const after = await game.world.balances()
    expect(after.burned - before.burned).toBe((levels * bondWei) / 2n)
  })

  test('goes on from the chain alone when both processes are killed after every move', async () => {
    const game = await opened(lieAt('p after', 1))
    for (let kills = 0; !game.standing().outcome && kills < 60; kills += 1) {
      const killed = new AbortController()
      const { moves } = game.standing()
      const players = (['asserter', 'challenger'] as const).map((side) => {
        const moveOf = async (standing: Standing): Promise<Move | undefined> => {
          if (standing.moves > moves) killed.abort(new Error('killed'))
          killed.signal.throwIfAborted()
          return game.movesOf[side]()(standing)
        }
        return play(game, { side, moveOf }, { signal: killed.signal }).catch(() => undefined)
      })
      await Promise.all(players)
    }
    expect(game.standing().outcome?.winner).toBe(lower(challenger.address))
  })

  test('sends nothing when its own time is as good as over', async () => {
    const game = await opened(lieAt('Gemm', 3))
    game.world.pass(clockSeconds - 1)
    const stopping = new AbortController()
    const asking: number[] = []
    const late = play(
      game,
      {
        side: 'asserter',
        moveOf: async (standing) => {
          asking.push(standing.moves)
          return undefined
        },
      },
      { signal: stopping.signal },
    )
    const { moveOf } = { moveOf: game.movesOf.challenger() }
    const { standing } = await play(game, { side: 'challenger', moveOf })
    await late
    expect(standing.outcome?.loser).toBe(lower(asserter.address))
    expect(game.sent).toEqual(['challenger expire'])
    expect(asking).toEqual([])
  })

  test('a challenger that finds fault with whatever is shown loses to the arithmetic', async () => {
    const game = await opened(honest)
    const moves = {
      asserter: game.movesOf.asserter(),
      challenger: async (standing: Standing) => blindMove(standing),
    }
    const sides = await Promise.all(
      (['asserter', 'challenger'] as const).map((side) =>
        play(game, { side, moveOf: moves[side] }),
      ),
    )
    expect(sides[0]?.standing.outcome?.winner).toBe(lower(asserter.address))
    expect(game.sent.at(-1)).toMatch(/^asserter /)
  })

  test('an honest asserter wins by the clock when the challenger is wrong and gives up', async () => {
    // Its own value is a lie; the terms are not.
    const game = await opened(honest, lieAt('Gemm', 3))
    const sides = await Promise.all(
      (['asserter', 'challenger'] as const).map((side) =>
        play(game, { side, moveOf: game.movesOf[side]() }, { seconds: 20 }),
      ),
    )
    expect(sides[0]?.standing.outcome?.winner).toBe(lower(asserter.address))
    expect(isAsserters(game.standing().position.phase)).toBe(false)
  })
})
