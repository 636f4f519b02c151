import type { Hex } from '#base/hex.ts'
import type { Certificate, Proposal } from './messages.ts'
import type { Anchor } from './rules.ts'
import type { BlockRecord, State } from './state.ts'

/** Root of the block that a view notarized or finalized; the final block in its own view. */
export function certifiedRoot(state: State, view: number): Hex | undefined {
  if (view === state.final.view) return state.final.root
  const certificates = state.views.get(view)?.certificates
  return certificates?.finalize?.block ?? certificates?.notarize?.block
}

/** The certificate behind it. */
export function votesFor(state: State, view: number): Certificate | undefined {
  if (view === state.final.view) return state.finalCertificate
  const certificates = state.views.get(view)?.certificates
  return certificates?.finalize ?? certificates?.notarize
}

export function isNullified(state: State, view: number): boolean {
  if (state.views.get(view)?.certificates.nullify !== undefined) return true
  return state.nullifiedRuns.some(({ from, to }) => from <= view && view <= to)
}

/** The valid block of a view, to build or vote on; undefined while anything of it is missing. */
export function parentAt(state: State, view: number): Anchor | undefined {
  const root = certifiedRoot(state, view)
  const record = root === undefined ? undefined : state.blocks.get(root)
  if (record?.isValid !== true) return undefined
  const { height, elected } = record
  return { view, root: record.root, height, elected }
}

/** Whether a block can be checked: it is final, or its parent was found valid. */
export function isReadyToCertify(state: State, { root, block }: BlockRecord): boolean {
  if (block === undefined) return false
  return root === state.final.root || state.blocks.get(block.parentRoot)?.isValid === true
}

/** `missing` may become `valid` or `invalid` when more is known; the other two stay. */
export type Standing = 'valid' | 'invalid' | 'missing'

/**
 * Where a proposal stands: its parent is the block of its parent view, notarized and valid; every view
 * between is nullified; it is the next height; and its proposer is allowed on that parent.
 */
export function standingOf(state: State, proposal: Proposal): Standing {
  const { view, parentView, proposer } = proposal
  if (parentView >= view || parentView < state.final.view) return 'invalid'
  const root = certifiedRoot(state, parentView)
  if (root === undefined) return 'missing'
  if (state.blocks.get(root)?.isValid === false) return 'invalid'
  const parent = parentAt(state, parentView)
  if (parent === undefined) return 'missing'
  if (!extendsParent(state, proposal, parent)) return 'invalid'
  if (!state.rules.proposersOf(view, parent).includes(proposer)) return 'invalid'
  for (let between = parentView + 1; between < view; between += 1) {
    if (!isNullified(state, between)) return 'missing'
  }
  return 'valid'
}

function extendsParent(state: State, { view, root, block }: Proposal, parent: Anchor): boolean {
  const { lastHeight, set } = state.rules
  // No block of this epoch follows its last one: that one is proposed again until it is final.
  if (parent.height === lastHeight) return root === parent.root
  const isNext = block.parentRoot === parent.root && block.height === parent.height + 1
  const isLast = block.height === lastHeight
  const isHandingOver = block.nextSetRoot !== undefined
  return isNext && isHandingOver === isLast && block.view === view && block.epoch === set.epoch
}
