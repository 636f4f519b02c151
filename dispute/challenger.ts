import { fromHex, toHex } from '#base/hex.ts'
import {
  isAsserters,
  pairHash,
  phases,
  placesOf,
  stateHash,
} from '#chain/client/dispute/position.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import type { Verifier } from '#chain/client/dispute/verifier.ts'
import type { Hex } from '#wire/primitives.ts'
import { createAgreed } from './agreed.ts'
import { childrenOf, wordsOf } from './openings.ts'
import { leavesMax, sliceProof } from './slices.ts'
import { termsMax } from './verifier.ts'
import type { Move, Work } from './work.ts'

/**
 * The moves of whoever disputes a claim: it points at the first part whose end is not what its own work says, and has the
 * contract compute terms that are few enough, in the asserter's turn. Answers undefined where all that is said is
 * what it has as well, or where the difference lies in what no contract computes.
 */
export function createChallenger(deps: {
  work: Work
  verifier: Verifier
}): (standing: Standing) => Promise<Move | undefined> {
  const { work } = deps
  const agreed = createAgreed(deps)

  async function own(standing: Standing, place: bigint): Promise<Hex> {
    const { phase } = standing.position
    if (phase === phases.pickStep) return work.leafHash(Number(place))
    if (phase === phases.pickSlice) {
      return stateHash(await (await agreed.states(standing)).at(Number(place)))
    }
    return toHex((await agreed.step(standing)).tensors.prefixRoot(Number(place)))
  }

  /** The parts up to the first wrong end; that the range begins right was agreed before. */
  async function pick(standing: Standing): Promise<Move | undefined> {
    for (const [i, place] of placesOf(standing.position).entries()) {
      if ((await own(standing, place)) === standing.shown[i]) continue
      return i === 0 ? undefined : { name: 'pick', args: [standing.shown, BigInt(i - 1)] }
    }
    return undefined
  }

  /** The contract computes the disputed terms, where they end in something else than was said. */
  async function refute(standing: Standing): Promise<Move | undefined> {
    const { position, shown, claim } = standing
    const { low, high, claims } = position
    if (high - low > BigInt(termsMax)) return undefined
    const place = shown.findIndex((hash, i) => pairHash(hash, shown[i + 1] ?? '0x') === claims)
    const said = shown[place + 1]
    const states = await agreed.states(standing)
    const before = await states.at(Number(low))
    const right = stateHash(await states.at(Number(high)))
    if (place < 0 || !said || said === right || shown[place] !== stateHash(before)) return undefined
    const parts = { agreed, verifier: deps.verifier }
    const { leaves, slice } = await sliceProof(parts, standing, { before, result: said })
    if (high - low > 1n && leaves > leavesMax) return undefined
    return { name: 'refute', args: [claim, slice] }
  }

  return async (standing) => {
    const { position, shown, words } = standing
    const { phase } = position
    if (phase === phases.splitSlice) return refute(standing)
    if (isAsserters(phase)) return undefined
    if (phase === phases.pickNode) {
      const children = childrenOf((await agreed.step(standing)).tensors, position)
      const child = shown.findIndex((hash, i) => hash !== children[i])
      return child < 0 ? undefined : { name: 'pickNode', args: [shown, BigInt(child)] }
    }
    if (phase === phases.pickElement) {
      const known = wordsOf((await agreed.step(standing)).tensors, position)
      const byte = fromHex(words ?? '0x').findIndex((value, i) => value !== known[i])
      return byte < 0 ? undefined : { name: 'pickElement', args: [words, BigInt(byte >> 2)] }
    }
    return pick(standing)
  }
}
