import { RLP } from '@ethereumjs/rlp'
import { fromKey, toKey } from '#store/key.ts'
import {
  type StateChanges,
  type StateUndo,
  type StateView,
  decodeAccount,
  encodeAccount,
  noBytes,
} from './state-view.ts'

/** What `changes` replace in the state that `base` shows. */
export function undoOf(base: StateView, changes: StateChanges): StateUndo {
  const accounts: StateUndo['accounts'] = new Map()
  const slots: StateUndo['slots'] = new Map()
  const nodes: StateUndo['nodes'] = new Map()
  for (const address of changes.accounts.keys()) accounts.set(address, base.account(address))
  for (const [address, words] of changes.slots) {
    const old = new Map<string, Uint8Array>()
    for (const slot of words.keys()) old.set(slot, base.slot(address, slot))
    slots.set(address, old)
  }
  for (const path of changes.nodes.keys()) nodes.set(path, base.node(path) ?? null)
  return { accounts, slots, nodes }
}

/** Bytes of an undo record; decoded by `decodeUndo`. */
export function encodeUndo({ accounts, slots, nodes }: StateUndo): Uint8Array {
  return RLP.encode([
    [...accounts].map(([address, account]) => [
      fromKey(address),
      account === null ? noBytes : encodeAccount(account),
    ]),
    [...slots].map(([address, words]) => [
      fromKey(address),
      [...words].map(([slot, word]) => [fromKey(slot), word]),
    ]),
    [...nodes].map(([path, rlp]) => [fromKey(path), rlp ?? noBytes]),
  ])
}

type Pair = [Uint8Array, Uint8Array]

export function decodeUndo(rlp: Uint8Array): StateUndo {
  const [accounts, slots, nodes] = RLP.decode(rlp) as unknown as [
    Pair[],
    [Uint8Array, Pair[]][],
    Pair[],
  ]
  return {
    accounts: new Map(
      accounts.map(([address, row]) => [
        toKey(address),
        row.length === 0 ? null : decodeAccount(row),
      ]),
    ),
    slots: new Map(
      slots.map(([address, words]) => [
        toKey(address),
        new Map(words.map(([slot, word]) => [toKey(slot), word])),
      ]),
    ),
    nodes: new Map(nodes.map(([path, row]) => [toKey(path), row.length === 0 ? null : row])),
  }
}
