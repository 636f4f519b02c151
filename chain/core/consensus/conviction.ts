import type { Hex } from '#base/hex.ts'
import type { Evidence } from './evidence.ts'
import { guiltyOf } from './evidence.ts'
import type { ProposalStatement, VoteStatement } from './messages.ts'
import type { Validator, ValidatorSet } from './validators.ts'

/** Evidence against one member as a contract can judge it: two statements, and its signature of each. */
export interface Conviction {
  readonly guilty: Validator
  readonly first: VoteStatement | ProposalStatement
  readonly second: VoteStatement | ProposalStatement
  readonly signatures: readonly [first: Hex, second: Hex]
}

/**
 * Whom evidence convicts; undefined where it convicts nobody of the set, and of two certificates, whose
 * signatures are sums: their single votes are evidence of their own.
 */
export function convictionOf(evidence: Evidence, set: ValidatorSet): Conviction | undefined {
  if (evidence.kind === 'certificates') return undefined
  const { first, second } = evidence
  const [index] = guiltyOf(evidence, set)
  const guilty = index === undefined ? undefined : set.validators[index]
  return guilty && { guilty, first, second, signatures: [first.signature, second.signature] }
}
