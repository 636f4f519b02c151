import { consensusLimits } from './limits.ts'
import type { State, ViewRecord } from './state.ts'

/** Forgets what lies at or below the final block: there nothing is signed or counted, only accused. */
export function forgetFinal(state: State): void {
  const { view, root, height } = state.final
  const { viewsBackMax } = consensusLimits
  for (const [known, record] of state.views) {
    if (known > view) continue
    state.views.delete(known)
    if (known > view - viewsBackMax) state.past.set(known, record)
  }
  for (const known of state.past.keys()) if (known <= view - viewsBackMax) state.past.delete(known)
  for (const known of state.unsettled) if (known <= view) state.unsettled.delete(known)
  for (const known of state.waitingFinals.keys()) {
    if (known <= view) state.waitingFinals.delete(known)
  }
  for (const record of state.blocks.values()) {
    const isPast = record.height <= height || (record.block?.view ?? 0) <= view
    if (isPast && record.root !== root) state.blocks.delete(record.root)
  }
  while ((state.nullifiedRuns[0]?.to ?? Infinity) <= view) state.nullifiedRuns.shift()
  state.wanted.clear() // what is missing is found again on the way to the next final block
}

/**
 * Holds the state of a long time without finality to its limits. Of old views only the certificates stay; of
 * the oldest, only whether they were nullified. Whoever needs more asks a peer.
 */
export function forgetOld(state: State): void {
  const leftView = state.view - consensusLimits.viewsBackMax
  if (leftView - state.leftView <= state.views.size) {
    for (let view = state.leftView + 1; view <= leftView; view += 1) clear(state.views.get(view))
  } else {
    for (const record of state.views.values()) if (record.view <= leftView) clear(record)
  }
  state.leftView = Math.max(state.leftView, leftView)
  if (state.views.size > consensusLimits.viewRecordsMax) dropOldestView(state)
  if (state.blocks.size > consensusLimits.blocksMax) dropOldestBlock(state)
}

function clear(record: ViewRecord | undefined): void {
  if (record === undefined) return
  record.proposals.length = 0
  for (const votes of Object.values(record.votes)) votes.clear()
  record.accused.clear()
}

function dropOldestView(state: State): void {
  const view = Math.min(...state.views.keys())
  const isNullified = state.views.get(view)?.certificates.nullify !== undefined
  state.views.delete(view)
  state.unsettled.delete(view)
  if (!isNullified) return
  const last = state.nullifiedRuns.at(-1)
  if (last?.to === view - 1) last.to = view
  else state.nullifiedRuns.push({ from: view, to: view })
  if (state.nullifiedRuns.length > consensusLimits.viewRecordsMax) state.nullifiedRuns.shift()
}

function dropOldestBlock(state: State): void {
  for (const record of state.blocks.values()) {
    if (record.root === state.final.root) continue
    state.blocks.delete(record.root) // the map keeps the order in which blocks came
    return
  }
}
