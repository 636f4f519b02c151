import { toHex } from '#base/hex.ts'
import { type State, phases, placesOf, stateHash } from '#chain/client/dispute/position.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import type { Verifier } from '#chain/client/dispute/verifier.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import type { Hex } from '#wire/primitives.ts'
import { childrenOf, elementOpening, stepOpening, tensorOpening, wordsOf } from './openings.ts'
import { type Agreed, createAgreed } from './agreed.ts'
import { leavesMax, sliceProof } from './slices.ts'
import { type States, termsMax } from './verifier.ts'
import type { Move, Work } from './work.ts'

export interface AsserterOptions {
  /**
   * Goes on with what it said although its own computation says otherwise, as cheats of development chains do. An
   * honest player stops there, and saves the bond of the last level.
   */
  readonly insists?: boolean
}

/**
 * The moves of whoever signed the claim, each from its own work and what the chain says alone. Answers undefined
 * where there is none that would hold.
 */
export function createAsserter(
  deps: { work: Work; verifier: Verifier },
  { insists = false }: AsserterOptions = {},
): (standing: Standing) => Promise<Move | undefined> {
  const side: Side = { ...deps, insists, agreed: createAgreed(deps) }
  return async (standing) => {
    const { phase } = standing.position
    if (phase === phases.splitSteps) {
      return splitBy(standing, (place) => deps.work.leafHash(Number(place)))
    }
    if (phase === phases.openElement) return openElement(side, standing)
    if (phase === phases.splitSlice) return answerTerms(side, standing)
    const { start, tensors } = await side.agreed.step(standing)
    if (phase !== phases.openStep) return openingOf(standing, tensors)
    const batchPath = await deps.work.batchPath(standing.stepPlace)
    return { name: 'openStep', args: [standing.claim, stepOpening(start, tensors, batchPath)] }
  }
}

interface Side {
  readonly verifier: Verifier
  readonly agreed: Agreed
  readonly insists: boolean
}

async function splitBy(
  { position }: Standing,
  said: (place: bigint) => Promise<Hex> | Hex,
): Promise<Move> {
  const claims: Hex[] = []
  for (const place of placesOf(position)) claims.push(await said(place))
  return { name: 'split', args: [claims] }
}

/** The element's states, the last of which ends in what was said; undefined where that is not what it is. */
async function saidOf({ agreed, insists }: Side, standing: Standing): Promise<States | undefined> {
  const states = await agreed.states(standing)
  const { length } = states
  const last = await states.at(length)
  const value = BigInt(standing.position.value)
  if ((last.registers & 0xffffffffn) === value) return states
  if (!insists) return undefined
  const lie: State = { ...last, registers: (last.registers & ~0xffffffffn) | value }
  return { length, at: async (term) => (term === length ? lie : states.at(term)) }
}

async function openElement(side: Side, standing: Standing): Promise<Move | undefined> {
  const said = await saidOf(side, standing)
  if (!said) return undefined
  const { tensors } = await side.agreed.step(standing)
  const result = await said.at(said.length)
  const opening = elementOpening(tensors, Number(standing.position.entry), result)
  return { name: 'openElement', args: [standing.claim, opening] }
}

/** A proof of the terms where they are few and stand in few leaves, else their split. */
async function answerTerms(side: Side, standing: Standing): Promise<Move | undefined> {
  const said = await saidOf(side, standing)
  if (!said) return undefined
  const { low, high } = standing.position
  const terms = Number(high - low)
  if (terms <= termsMax) {
    const before = await said.at(Number(low))
    const result = stateHash(await said.at(Number(high)))
    const { leaves, slice } = await sliceProof(side, standing, { before, result })
    if (terms === 1 || leaves <= leavesMax) return { name: 'prove', args: [standing.claim, slice] }
  }
  return splitBy(standing, async (place) => stateHash(await said.at(Number(place))))
}

async function openingOf(standing: Standing, tensors: StepTensors): Promise<Move | undefined> {
  const { position, claim } = standing
  switch (position.phase) {
    case phases.splitTensors:
      return splitBy(standing, (place) => toHex(tensors.prefixRoot(Number(place))))
    case phases.openTensor:
      return { name: 'openTensor', args: [claim, tensorOpening(tensors, Number(position.low))] }
    case phases.openNode:
      return { name: 'openNode', args: [childrenOf(tensors, position)] }
    case phases.openLeaf:
      return { name: 'openLeaf', args: [toHex(wordsOf(tensors, position))] }
    default:
      return undefined
  }
}
