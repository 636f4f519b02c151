import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { type Standing, foldDispute } from '#chain/client/dispute/standing.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import { createAsserter } from '#dispute/asserter.ts'
import { createChallenger } from '#dispute/challenger.ts'
import { type GameChain, type Player, playDispute } from '#dispute/play.ts'
import { tensorsAfter } from '#test/unit/compute/transcript/specs.ts'
import { mlpSpec } from '#test/unit/compute/fixtures.ts'
import { signedStep, verifierOf, workOf } from '#test/unit/contracts/dispute-turns.ts'
import {
  Refused,
  type World,
  asserter,
  challenger,
  clockSeconds,
  createWorld,
} from '#test/unit/contracts/dispute-world.ts'
import { forged } from '#test/unit/contracts/forge.ts'
import { openVerifier } from '#test/unit/contracts/verifier.ts'
import type { Paid } from './money.ts'

/** A dispute that the players of production have played, and who won it. */
export interface Match extends Paid {
  readonly winner: Player['side']
}

export interface MatchOptions {
  /** Whose tensors are a lie in one element. */
  readonly liar: Player['side']
  /** A side that makes no move at all. */
  readonly silent?: Player['side']
}

const turnSeconds = 20

/** Plays a dispute about one step, from its opening until somebody has lost the bonds. */
export async function playMatch({ liar, silent }: MatchOptions): Promise<Match> {
  const call = await openVerifier()
  const honest = await tensorsAfter({ ...mlpSpec, inputShape: [70] }, 2)
  const said = { asserter: honest, challenger: honest, [liar]: lieIn(honest) }
  const world = await createWorld()
  const before = await world.balances()
  const { claim, signature } = await signedStep(
    world,
    workOf(said.asserter),
    said.asserter,
    said.asserter,
  )
  const opened = await world.play(challenger, 'open', claim, signature)
  let standing: Standing | undefined
  for (const event of opened.events) standing = foldDispute(standing, event, clockSeconds)
  let gas = BigInt(opened.gas)
  let moves = 1

  const chainOf = (side: Player['side']): GameChain => ({
    standing: async () => standing,
    nowSeconds: async () => world.now(),
    async send(name, args) {
      const account = side === 'asserter' ? asserter : challenger
      const made = await world.play(account, name, ...args).catch(refused)
      for (const event of made.events) standing = foldDispute(standing, event, clockSeconds)
      gas += BigInt(made.gas)
      moves += 1
      return { gasUsed: BigInt(made.gas) }
    },
  })
  const verifier = verifierOf(call)
  const movesOf = {
    asserter: () =>
      createAsserter({ work: workOf(said.asserter), verifier }, { insists: liar === 'asserter' }),
    challenger: () => createChallenger({ work: workOf(said.challenger), verifier }),
  }
  const { id } = standing as Standing
  const stopping = new AbortController().signal
  const players = (['asserter', 'challenger'] as const).map((side) => {
    const deps = { chain: chainOf(side), clock: clockOf(world), log: noopLogger }
    const moveOf = side === silent ? async () => undefined : movesOf[side]()
    return playDispute(deps, { id, side, moveOf }, stopping)
  })
  await Promise.all(players)
  const after = await world.balances()
  const moved = (['asserter', 'challenger', 'client', 'burned'] as const).flatMap((who) =>
    after[who] === before[who] ? [] : [{ who, wei: after[who] - before[who] }],
  )
  const ended = standing as Standing
  const winner = isSame(ended.outcome?.winner, asserter.address) ? 'asserter' : 'challenger'
  return { winner, blocks: moves, gas, moved }
}

const isSame = (a: string | undefined, b: string) => a?.toLowerCase() === b.toLowerCase()

function lieIn(honest: StepTensors): StepTensors {
  const place = honest.program.entries.findIndex(({ name }) => name.startsWith('Gemm'))
  return forged(honest, place, 3)
}

function refused(error: unknown): never {
  if (!(error instanceof Refused)) throw error
  throw new AppError({ code: 'REVERTED', reason: error.message.split(' ')[0] })
}

/** A clock whose sleep is a turn of the machine, and a while on the chain. */
function clockOf(world: World): Clock {
  return {
    nowMs: () => world.now() * 1000,
    async sleep(_durationMs, signal) {
      signal?.throwIfAborted()
      world.pass(turnSeconds)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
