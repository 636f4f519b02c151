import { listRoot } from '#base/crypto/merkle.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { type Claim, signClaim } from '#chain/client/dispute/claim.ts'
import { isAsserters, zeroWord } from '#chain/client/dispute/position.ts'
import { type DisputeEvent, type Standing, foldDispute } from '#chain/client/dispute/standing.ts'
import { type Verifier, createVerifier } from '#chain/client/dispute/verifier.ts'
import { leafHashOf, transcriptRootOf } from '#compute/train/commit.ts'
import { type StepTensors, programRootOf } from '#compute/transcript/tensors.ts'
import { createAsserter } from '#dispute/asserter.ts'
import { createChallenger } from '#dispute/challenger.ts'
import { stateRootsOf } from '#dispute/openings.ts'
import type { Move, Work } from '#dispute/work.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import { Reverted, type Call } from './compile.ts'
import {
  type Player,
  type World,
  asserter,
  challenger,
  client,
  clockSeconds,
} from './dispute-world.ts'

/** A claim with its signature. */
export async function signed(world: World, changes: Partial<Claim>, signer: Player = asserter) {
  const claim: Claim = {
    jobId: `0x${'ab'.repeat(32)}`,
    attempt: 0,
    segment: 0,
    round: 0,
    asserter: asserter.address,
    client: client.address,
    steps: 1n,
    startLeaf: zeroWord,
    endLeaf: zeroWord,
    programRoot: zeroWord,
    batchRoot: zeroWord,
    validUntil: BigInt(world.now() + 600),
    ...changes,
  }
  const signature = await signClaim(signer, { chainId: 1, disputeGame: world.game }, claim)
  return { claim, signature }
}

/** The production verifier over a contract in a machine of its own. */
export function verifierOf(call: Call): Verifier {
  return createVerifier(async (input) => {
    try {
      return { output: toHex((await call(fromHex(input))).output) }
    } catch (error) {
      if (error instanceof Reverted) return { revert: toHex(error.output) }
      throw error
    }
  })
}

const stepCount = 1
const startOf = (tensors: StepTensors): Leaf => ({
  ...stateRootsOf(tensors, ''),
  step: stepCount,
  transcript: zeroWord,
})

/** The work of one step, from its tensors, some of which may be lies. */
export function workOf(tensors: StepTensors): Work {
  const start = startOf(tensors)
  const folded = tensors.program.entries.findIndex(({ name }) => name === 'folded')
  const end: Leaf = {
    ...stateRootsOf(tensors, ' after'),
    step: stepCount + 1,
    transcript: transcriptRootOf(toHex(tensors.rootOf(folded)), tensors.loss),
  }
  return {
    leafHash: async (step) => leafHashOf(step === 0 ? start : end),
    batchPath: async () => [],
    step: async () => ({ start, tensors }),
  }
}

/** Leaves of many steps alone. */
export function leavesWork(leafHash: (step: number) => Promise<Hex>): Work {
  return {
    leafHash,
    batchPath: async () => [],
    step: () => Promise.reject(new Error('no tensors here')),
  }
}

/** A claim about the one step of some work. */
export async function signedStep(
  world: World,
  work: Work,
  { program }: StepTensors,
  batch: StepTensors,
) {
  return signed(world, {
    batchRoot: toHex(listRoot([batch.batchRoot()])),
    startLeaf: await work.leafHash(0),
    endLeaf: await work.leafHash(1),
    programRoot: toHex(programRootOf(program)),
  })
}

/** A dispute that is played turn by turn with the players of production. */
export interface Game {
  readonly id: Hex
  readonly claim: Claim
  readonly gas: () => number
  readonly standing: () => Standing
  /** The next move of whose turn it is, without making it. */
  next(): Promise<Move | undefined>
  make(move: Move): Promise<number>
  /** The challenger's refutation where there is one, else the next move. */
  refuteOrMove(): Promise<number>
  /** Plays while the condition holds and there are moves. */
  playWhile(condition: (standing: Standing) => boolean): Promise<void>
}

/** Opens a dispute between two works. A liar insists unless it is told not to. */
export async function openGame(
  world: World,
  { claim, signature }: { claim: Claim; signature: Hex },
  sides: { call: Call; said: Work; known: Work; insists?: boolean },
): Promise<Game> {
  const verifier = verifierOf(sides.call)
  const asserts = createAsserter({ work: sides.said, verifier }, { insists: sides.insists ?? true })
  const challenges = createChallenger({ work: sides.known, verifier })
  const opened = await world.play(challenger, 'open', claim, signature)
  let standing = foldAll(undefined, opened.events)
  let gas = opened.gas
  const isTurnOf = () => isAsserters(standing.position.phase)

  async function make(
    { name, args }: Move,
    player = isTurnOf() ? asserter : challenger,
  ): Promise<number> {
    const made = await world.play(player, name, standing.id, standing.position, ...args)
    standing = foldAll(standing, made.events)
    gas += made.gas
    return made.gas
  }

  const next = () => (isTurnOf() ? asserts(standing) : challenges(standing))

  return {
    id: standing.id,
    claim,
    gas: () => gas,
    standing: () => standing,
    next,
    make,
    async refuteOrMove() {
      const refutation = isTurnOf() ? await challenges(standing) : undefined
      if (refutation) return make(refutation, challenger)
      const move = await next()
      if (!move) throw new Error('nobody moves')
      return make(move)
    },
    async playWhile(condition) {
      while (!standing.outcome && condition(standing)) {
        const move = await next()
        if (!move) return
        await make(move)
      }
    },
  }
}

function foldAll(before: Standing | undefined, events: readonly DisputeEvent[]): Standing {
  let standing = before
  for (const event of events) standing = foldDispute(standing, event, clockSeconds)
  if (!standing) throw new Error('no dispute was opened')
  return standing
}
