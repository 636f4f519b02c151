import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import { isNullified, parentAt, standingOf, votesFor } from './ancestry.ts'
import { ask } from './catch-up.ts'
import { headerOf, proposalsConflict } from './evidence.ts'
import type { Proposal } from './messages.ts'
import { signNotarize, signProposal } from './sign.ts'
import { type State, type ViewRecord, collectingRecord, emit } from './state.ts'
import { isVoter } from './validators.ts'

/** Takes a proposal in. A second one of its proposer in the view is evidence. */
export function addProposal(state: State, proposal: Proposal): void {
  const { set } = state.rules
  const { epoch, view, proposer, root, block } = proposal
  if (epoch !== set.epoch || set.validators[proposer] === undefined) return
  const record = collectingRecord(state, view)
  if (record === undefined || !isOfView(state, proposal)) return
  const earlier = record.proposals.find((other) => other.proposer === proposer)
  if (earlier === undefined) {
    record.proposals.push(proposal)
    if (view > state.final.view) keepBlock(state, root, block)
    return
  }
  if (state.wanted.has(root)) keepBlock(state, root, block)
  if (!proposalsConflict(earlier, proposal) || record.accused.has(proposer)) return
  record.accused.add(proposer)
  const evidence = {
    kind: 'proposals',
    first: headerOf(earlier),
    second: headerOf(proposal),
  } as const
  emit(state, { kind: 'evidence', evidence })
}

/** A new block names the view; the epoch's last one may be proposed again later. */
function isOfView(state: State, { view, block }: Proposal): boolean {
  if (block.epoch !== state.rules.set.epoch || block.view < 1) return false
  return block.view === view || (block.view < view && block.height === state.rules.lastHeight)
}

/** Takes in a block that somebody sent for a certificate or a block that we hold. */
export function addBlock(state: State, root: Hex, block: ConsensusBlock): boolean {
  if (!state.wanted.has(root) || block.epoch !== state.rules.set.epoch) return false
  keepBlock(state, root, block)
  return true
}

/** Keeps a block, and wants its parent where a certificate leads to it. */
export function keepBlock(state: State, root: Hex, block: ConsensusBlock): void {
  if (!state.blocks.has(root)) {
    state.blocks.set(root, { root, height: block.height, block, isAsked: false })
  }
  if (!state.wanted.delete(root) || block.height - 1 <= state.final.height) return
  if (!state.blocks.has(block.parentRoot)) state.wanted.add(block.parentRoot)
}

/** Votes for the first valid proposal of the current view. */
export function voteForProposal(state: State): void {
  const record = state.views.get(state.view)
  if (record === undefined || !mayVote(state, record)) return
  for (const proposal of record.proposals) {
    const standing = standingOf(state, proposal)
    if (standing === 'missing') {
      ask(state, { from: proposal.proposer, viewMin: proposal.parentView })
    }
    if (standing !== 'valid') continue
    const { root, block } = proposal
    emit(state, { kind: 'log', entry: { kind: 'block', root, block } })
    signNotarize(state, state.view, root)
    return
  }
}

function mayVote({ rules, isOver }: State, { signed }: ViewRecord): boolean {
  const { self, set } = rules
  if (isOver || self === undefined || !isVoter(set, self)) return false
  return signed.notarize === undefined && !signed.isNullified
}

/** Asks for a block where this node may propose in the current view, on the newest parent that allows it. */
export function propose(state: State): void {
  const { rules, view } = state
  if (rules.leads.length === 0 || state.isOver || state.proposingView === view) return
  const signed = state.views.get(view)?.signed
  if (signed?.proposal !== undefined || signed?.isNullified === true) return
  for (let parentView = view - 1; parentView >= state.final.view; parentView -= 1) {
    const parent = parentAt(state, parentView)
    const proposers = parent === undefined ? [] : rules.proposersOf(view, parent)
    const proposer = proposers.find((index) => rules.leads.includes(index))
    if (parent !== undefined && proposer !== undefined) {
      proposeOn(state, { parentView: parent.view, parent: parent.root, proposer })
      return
    }
    if (parentView > state.final.view && !isNullified(state, parentView)) {
      // Another validator's parent is here; else a certificate of that view is missing.
      if (parent === undefined) ask(state, { viewMin: parentView })
      return
    }
  }
}

function proposeOn(
  state: State,
  turn: { readonly parentView: number; readonly parent: Hex; readonly proposer: number },
): void {
  const { view, rules } = state
  const { parentView, parent, proposer } = turn
  const record = state.blocks.get(parent)
  if (record === undefined) return
  state.proposingView = view
  state.proposingAs = proposer
  if (record.height < rules.lastHeight) {
    const parentVotes = votesFor(state, parentView)
    emit(state, { kind: 'propose', view, ...turn, height: record.height + 1, parentVotes })
  } else if (record.block !== undefined) {
    signProposal(state, { view, parentView, root: parent, block: record.block, proposer })
  }
}

/** Signs the block that the driver built, if its view is still the current one. */
export function proposeBuilt(
  state: State,
  {
    view,
    root,
    block,
  }: { readonly view: number; readonly root: Hex; readonly block: ConsensusBlock },
): void {
  if (view !== state.view || state.proposingView !== view) return
  if (state.views.get(view)?.signed.isNullified === true) return
  const parentView = parentViewOf(state, block.parentRoot)
  if (parentView === undefined) return
  signProposal(state, { view, parentView, root, block, proposer: state.proposingAs })
}

function parentViewOf(state: State, parentRoot: Hex): number | undefined {
  for (let view = state.view - 1; view >= state.final.view; view -= 1) {
    const parent = parentAt(state, view)
    if (parent?.root === parentRoot) return view
  }
  return undefined
}
