import { assert } from '#base/assert.ts'
import { ask } from './catch-up.ts'
import { forgetFinal } from './forget.ts'
import type { Certificate } from './messages.ts'
import { type BlockRecord, type State, emit } from './state.ts'

/** Finalises every block whose certificate and ancestors are here, lowest first. */
export function commit(state: State): void {
  while (state.waitingFinals.size > 0) {
    const view = Math.min(...state.waitingFinals.keys())
    const certificate = state.waitingFinals.get(view) as Certificate
    const path = pathTo(state, certificate)
    if (path === undefined) {
      ask(state, { viewMin: state.final.view + 1 })
      return
    }
    for (const record of path) finalize(state, record, certificate)
    const head = path.at(-1)
    state.waitingFinals.delete(view)
    if (head !== undefined) moveFinal(state, head, certificate)
  }
}

/** The blocks above the final one up to the certificate's, lowest first; undefined while one is missing. */
function pathTo(state: State, certificate: Certificate): BlockRecord[] | undefined {
  const path: BlockRecord[] = []
  let root = certificate.block
  while (root !== undefined && root !== state.final.root) {
    const record = state.blocks.get(root)
    if (record?.block === undefined) {
      state.wanted.add(root)
      return undefined
    }
    // Two quorums finalised different blocks of one height: more than a third of the weight is faulty.
    const { final } = state
    const isNext = record.height === final.height + 1
    assert(record.height > final.height, 'final blocks are one chain')
    assert(!isNext || record.block.parentRoot === final.root, 'a final block extends the last one')
    path.unshift(record)
    root = record.block.parentRoot
  }
  return path
}

function finalize(state: State, record: BlockRecord, certificate: Certificate): void {
  assert(record.isValid !== false, 'a quorum finalises only what every honest node finds valid')
  const { root, block } = record
  if (block !== undefined) emit(state, { kind: 'finalize', root, block, certificate })
}

function moveFinal(state: State, head: BlockRecord, certificate: Certificate): void {
  const { root, height, elected } = head
  state.final = { view: certificate.view, root, height, elected }
  state.finalCertificate = certificate
  state.goodView = Math.max(state.goodView, certificate.view)
  state.isOver = height >= state.rules.lastHeight
  state.asked.clear()
  forgetFinal(state)
}
