import type { State } from '#chain/core/consensus/state.ts'

/** Everything that binds or positions a node, as text: two states with one text act alike. */
export function bindingOf(state: State): string {
  const views = [...state.views.values()]
    .toSorted((a, b) => a.view - b.view)
    .map(({ view, signed, certificates, votes, proposals }) => [
      view,
      signed,
      Object.entries(certificates).map(([kind, { block }]) => [kind, block]),
      Object.entries(votes).map(([kind, of]) => [kind, [...of.keys()]]),
      proposals.map(({ root }) => root),
    ])
  const { view, final, certifiedView, goodView } = state
  const blocks = [...state.blocks.keys()].toSorted()
  const unsettled = [...state.unsettled].toSorted((a, b) => a - b)
  return JSON.stringify({ view, final, certifiedView, goodView, blocks, unsettled, views })
}
