import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Effect } from './effect.ts'
import { consensusLimits } from './limits.ts'
import type { Certificate, Proposal, Vote, VoteKind } from './messages.ts'
import type { Anchor, Rules } from './rules.ts'

/** What a node knows of one view. */
export interface ViewRecord {
  readonly view: number
  /** At most one a proposer. */
  readonly proposals: Proposal[]
  /** The first vote of each kind of each validator. */
  readonly votes: Readonly<Record<VoteKind, Map<number, Vote>>>
  readonly certificates: { [kind in VoteKind]?: Certificate }
  /** What this node has decided to sign here; set before the signature exists, never taken back. */
  readonly signed: {
    proposal?: Hex
    notarize?: Hex
    finalize?: Hex
    isNullified: boolean
  }
  /** Statements whose votes are being aggregated. */
  readonly aggregating: Set<string>
  /** Against whom there is evidence from this view. */
  readonly accused: Set<number>
}

/** A block that the node holds; `block` is missing only where the node starts from it. */
export interface BlockRecord {
  readonly root: Hex
  readonly height: number
  readonly block?: ConsensusBlock
  /** The answer of `certify`; undefined while it is pending. */
  isValid?: boolean
  isAsked: boolean
  elected?: number
}

/** A run of nullified views whose certificates were dropped. */
export interface NullifiedRun {
  readonly from: number
  to: number
}

/** One epoch of one node. Only `step` changes it. */
export interface State {
  readonly rules: Rules
  view: number
  /** The newest final block. */
  final: Anchor
  finalCertificate?: Certificate
  /** Up to this view votes and proposals were dropped. */
  leftView: number
  /** The newest view with a certificate of any kind. */
  certifiedView: number
  /** The newest view whose block is notarized and found valid here. */
  goodView: number
  /** The view for which a block was asked of the driver. */
  proposingView: number
  /** As whom. */
  proposingAs: number
  isStarted: boolean
  /** The epoch's last block is final: nothing more is signed. */
  isOver: boolean
  readonly views: Map<number, ViewRecord>
  /** The last views at or below the final one, kept to convict those who contradict themselves late. */
  readonly past: Map<number, ViewRecord>
  readonly blocks: Map<Hex, BlockRecord>
  /** Notarized views in which the node has not yet said finalize or nullify. */
  readonly unsettled: Set<number>
  /** Finalize certificates whose chain of blocks is not complete, by view. */
  readonly waitingFinals: Map<number, Certificate>
  /** Roots that a certificate or a block with one names, of blocks that are not here. */
  readonly wanted: Set<Hex>
  readonly nullifiedRuns: NullifiedRun[]
  /** First views of the ranges that were asked for since the node entered its view or finalised a block. */
  readonly asked: Set<number>
  /** Effects of the step that runs. */
  effects: Effect[]
}

/** A node at the beginning of an epoch, or at the final block from which it goes on. */
export function createState(rules: Rules, anchor: Anchor): State {
  const { root, height, elected } = anchor
  const start: BlockRecord = { root, height, isValid: true, isAsked: true, elected }
  return {
    rules,
    view: 0,
    final: anchor,
    leftView: anchor.view,
    certifiedView: anchor.view,
    goodView: anchor.view,
    proposingView: 0,
    proposingAs: 0,
    isStarted: false,
    isOver: height >= rules.lastHeight,
    views: new Map(),
    past: new Map(),
    blocks: new Map([[root, start]]),
    unsettled: new Set(),
    waitingFinals: new Map(),
    wanted: new Set(),
    nullifiedRuns: [],
    asked: new Set(),
    effects: [],
  }
}

/** The record of a view above the final one, made where there is none. */
export function recordAt(state: State, view: number): ViewRecord {
  const known = state.views.get(view)
  if (known !== undefined) return known
  const record: ViewRecord = {
    view,
    proposals: [],
    votes: { notarize: new Map(), nullify: new Map(), finalize: new Map() },
    certificates: {},
    signed: { isNullified: false },
    aggregating: new Set(),
    accused: new Set(),
  }
  state.views.set(view, record)
  return record
}

export function emit(state: State, effect: Effect): void {
  state.effects.push(effect)
}

/**
 * The record in which votes and proposals of a view are collected: of the views around the node's own, and of
 * the last final ones for evidence alone. Undefined where the view is too far ahead or too long past.
 */
export function collectingRecord(state: State, view: number): ViewRecord | undefined {
  if (view <= state.final.view) return state.past.get(view)
  const { viewsAheadMax, viewsBackMax } = consensusLimits
  const isNear = view >= state.view - viewsBackMax && view <= state.view + viewsAheadMax
  return isNear ? recordAt(state, view) : undefined
}
