import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import { type State, type ViewRecord, emit, recordAt } from './state.ts'
import { isVoter } from './validators.ts'

// The only place that decides to sign. Each decision is noted in the record before it leaves, so that no
// later one can contradict it.

/** Signs a notarize vote, once a view and never after nullifying it. */
export function signNotarize(state: State, view: number, root: Hex): void {
  const record = votingRecord(state, view)
  if (record === undefined || record.signed.notarize !== undefined || record.signed.isNullified) {
    return
  }
  record.signed.notarize = root
  signVote(state, { kind: 'notarize', view, block: root })
}

/** Signs a finalize vote, unless the view was nullified by this node. */
export function signFinalize(state: State, view: number, root: Hex): void {
  const record = votingRecord(state, view)
  if (record === undefined || record.signed.finalize !== undefined || record.signed.isNullified) {
    return
  }
  record.signed.finalize = root
  signVote(state, { kind: 'finalize', view, block: root })
}

/** Signs a nullify vote, unless the view's block was finalized by this node. */
export function signNullify(state: State, view: number): void {
  const record = votingRecord(state, view)
  if (record === undefined || record.signed.isNullified || record.signed.finalize !== undefined) {
    return
  }
  record.signed.isNullified = true
  signVote(state, { kind: 'nullify', view })
}

export interface Candidate {
  readonly view: number
  readonly parentView: number
  readonly root: Hex
  readonly block: ConsensusBlock
  /** One of `rules.leads`. */
  readonly proposer: number
}

/** Signs a proposal, once a view. */
export function signProposal(state: State, candidate: Candidate): void {
  const record = openRecord(state, candidate.view)
  if (record === undefined || record.signed.proposal !== undefined) return
  record.signed.proposal = candidate.root
  const { epoch } = state.rules.set
  const proposal = { kind: 'proposal', epoch, ...candidate } as const
  emit(state, { kind: 'sign', unsigned: { kind: 'proposal', proposal } })
}

function openRecord(state: State, view: number): ViewRecord | undefined {
  const isOpen = !state.isOver && view > state.final.view
  return isOpen ? recordAt(state, view) : undefined
}

function votingRecord(state: State, view: number): ViewRecord | undefined {
  const { self, set } = state.rules
  return self !== undefined && isVoter(set, self) ? openRecord(state, view) : undefined
}

interface Said {
  readonly kind: 'notarize' | 'nullify' | 'finalize'
  readonly view: number
  readonly block?: Hex
}

function signVote(state: State, said: Said): void {
  const { self, set } = state.rules
  if (self === undefined) return
  const vote = { ...said, epoch: set.epoch, voter: self }
  emit(state, { kind: 'sign', unsigned: { kind: 'vote', vote } })
}
