import { fromHex, toHex } from '#base/hex.ts'
import { phases, placesOf, stateHash } from '#chain/client/dispute/position.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import type { Verifier } from '#chain/client/dispute/verifier.ts'
import type { Hex } from '#wire/primitives.ts'
import { createAgreed } from './agreed.ts'
import { childrenOf, wordsOf } from './openings.ts'
import type { Move, Work } from './work.ts'

/**
 * The moves of whoever disputes a claim: it points at the first part whose end is not what its own work says. Answers
 * undefined where all that is said is what it has as well, or where the difference lies in what no contract computes.
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

  return async (standing) => {
    const { position, shown, words } = standing
    const { phase } = position
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
