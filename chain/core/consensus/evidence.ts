import type {
  Certificate,
  Proposal,
  ProposalStatement,
  Signed,
  Vote,
  VoteStatement,
} from './messages.ts'
import { type ValidatorSet, indicesOf } from './validators.ts'

/** A proposal's header with its signature: enough to convict, without the block. */
export type ProposalHeader = ProposalStatement & Pick<Proposal, 'proposer' | 'signature'>

/**
 * Two signed messages that no honest validator, or no honest quorum, signs both. Anyone can check them:
 * `guiltyOf` names who is to blame, once the signatures are verified.
 */
export type Evidence =
  | { readonly kind: 'proposals'; readonly first: ProposalHeader; readonly second: ProposalHeader }
  | { readonly kind: 'votes'; readonly first: Vote; readonly second: Vote }
  | { readonly kind: 'certificates'; readonly first: Certificate; readonly second: Certificate }

/**
 * Whether one validator must not say both: two blocks notarized or finalized in a view, or a view both
 * nullified and finalized. A view may be both notarized and nullified.
 */
export function votesConflict(a: VoteStatement, b: VoteStatement): boolean {
  if (a.epoch !== b.epoch || a.view !== b.view) return false
  if (a.kind === b.kind) return a.block !== b.block
  return a.kind !== 'notarize' && b.kind !== 'notarize'
}

/** Whether one validator must not make both proposals: a leader has one block a view, on one parent. */
export function proposalsConflict(a: ProposalStatement, b: ProposalStatement): boolean {
  if (a.epoch !== b.epoch || a.view !== b.view) return false
  return a.root !== b.root || a.parentView !== b.parentView
}

/** What one member signed, as it is kept to convict it. */
export type SignedStatement = ProposalHeader | Vote

/** The member, by its index in the set of the epoch. */
export function signerOf(said: SignedStatement): number {
  return said.kind === 'proposal' ? said.proposer : said.voter
}

/** Evidence that one member has said both; undefined where the two exclude nothing, or are of two members. */
export function evidenceOf(first: SignedStatement, second: SignedStatement): Evidence | undefined {
  if (signerOf(first) !== signerOf(second)) return undefined
  if (first.kind === 'proposal') {
    if (second.kind !== 'proposal' || !proposalsConflict(first, second)) return undefined
    return { kind: 'proposals', first, second }
  }
  if (second.kind === 'proposal' || !votesConflict(first, second)) return undefined
  return { kind: 'votes', first, second }
}

/** A proposal without its block. */
export function headerOf({ block: _block, ...header }: Proposal): ProposalHeader {
  return header
}

/** Whether signing `next` after `earlier` would convict the signer: what a signing record refuses. */
export function signaturesConflict(earlier: Signed, next: Signed): boolean {
  if (earlier.kind === 'vote' && next.kind === 'vote') return votesConflict(earlier.vote, next.vote)
  if (earlier.kind === 'proposal' && next.kind === 'proposal') {
    return proposalsConflict(earlier.proposal, next.proposal)
  }
  return false
}

/** The validators that the evidence convicts, by index; none where it shows no fault. */
export function guiltyOf(evidence: Evidence, set: ValidatorSet): readonly number[] {
  if (evidence.first.epoch !== set.epoch) return []
  if (evidence.kind === 'certificates') {
    const { first, second } = evidence
    if (!votesConflict(first, second)) return []
    const count = set.validators.length
    const others = new Set(indicesOf(second.signers, count))
    return (indicesOf(first.signers, count) ?? []).filter((index) => others.has(index))
  }
  if (evidence.kind === 'votes') {
    const { first, second } = evidence
    return first.voter === second.voter && votesConflict(first, second) ? [first.voter] : []
  }
  const { first, second } = evidence
  return first.proposer === second.proposer && proposalsConflict(first, second)
    ? [first.proposer]
    : []
}
