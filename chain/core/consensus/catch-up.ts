import type { CatchUpRequest, Certificate, Message } from './messages.ts'
import { consensusLimits } from './limits.ts'
import { type State, emit } from './state.ts'

export interface Wish {
  /** A validator that should have it. */
  readonly from?: number
  readonly viewMin: number
}

/** Asks for certificates and blocks from a view on, once while the node stands where it stands. */
export function ask(state: State, { from, viewMin }: Wish): void {
  const { asked } = state
  if (asked.has(viewMin) || asked.size >= consensusLimits.viewsAheadMax) return
  asked.add(viewMin)
  request(state, from, viewMin)
}

/** Asks any peer for the first thing that is missing; a timer repeats it while the node is stuck. */
export function askAgain(state: State): void {
  state.asked.clear()
  request(state, undefined, firstGap(state))
}

function request(state: State, from: number | undefined, viewMin: number): void {
  const { final, view, rules } = state
  const { epoch } = rules.set
  const request: CatchUpRequest = { epoch, height: final.height, viewMin, viewMax: view }
  emit(state, { kind: 'request', request, from })
}

function firstGap(state: State): number {
  const first = state.final.view + 1
  for (let view = first; view < state.view; view += 1) {
    const certificates = state.views.get(view)?.certificates
    if (certificates === undefined || Object.keys(certificates).length === 0) return view
    const root = certificates.notarize?.block
    if (root !== undefined && !state.blocks.has(root)) return view
  }
  return first
}

/** What a peer lacks: final blocks from the driver's store, the rest from here, certificates before blocks. */
export function answer(state: State, peer: string, request: CatchUpRequest): void {
  const { final, finalCertificate, rules } = state
  if (request.epoch > rules.set.epoch) return
  if (request.height < final.height) {
    emit(state, { kind: 'serve', peer, fromHeight: request.height + 1 })
  }
  if (request.epoch < rules.set.epoch) return
  const certificates = certificatesFor(state, request)
  if (finalCertificate !== undefined) certificates.unshift(finalCertificate)
  const messages: Message[] = certificates.map((certificate) => ({
    kind: 'certificate',
    certificate,
  }))
  messages.push(...blocksOf(state, certificates))
  if (messages.length > 0) emit(state, { kind: 'send', peer, messages })
}

function certificatesFor(state: State, { viewMin, viewMax }: CatchUpRequest): Certificate[] {
  const certificates: Certificate[] = []
  const last = Math.min(viewMax, state.certifiedView)
  for (let view = Math.max(viewMin, state.final.view + 1); view <= last; view += 1) {
    if (certificates.length >= consensusLimits.answerCertificatesMax) break
    certificates.push(...certificatesAt(state, view))
  }
  if (viewMax < state.certifiedView)
    certificates.push(...certificatesAt(state, state.certifiedView))
  return certificates
}

function certificatesAt(state: State, view: number): readonly Certificate[] {
  return Object.values(state.views.get(view)?.certificates ?? {})
}

function blocksOf(state: State, certificates: readonly Certificate[]): readonly Message[] {
  const roots = new Set(certificates.flatMap(({ block }) => block ?? []))
  const messages: Message[] = []
  for (const root of roots) {
    const block = state.blocks.get(root)?.block
    if (block !== undefined) messages.push({ kind: 'block', root, block })
    if (messages.length >= consensusLimits.answerBlocksMax) break
  }
  return messages
}

/** Sends again what others may have missed: own messages of this view, and what led to it. */
export function rebroadcast(state: State): void {
  const { view, finalCertificate, rules } = state
  const said = (message: Message) => emit(state, { kind: 'broadcast', message })
  if (finalCertificate !== undefined) said({ kind: 'certificate', certificate: finalCertificate })
  for (const certificate of certificatesAt(state, view - 1)) {
    said({ kind: 'certificate', certificate })
  }
  for (const certificate of certificatesAt(state, view)) said({ kind: 'certificate', certificate })
  if (rules.self === undefined) return
  for (let back = view; back > view - consensusLimits.repeatedViews; back -= 1) {
    const record = state.views.get(back)
    for (const proposal of record?.proposals ?? []) {
      if (proposal.proposer === rules.self && back === view) said({ kind: 'proposal', proposal })
    }
    for (const votes of Object.values(record?.votes ?? {})) {
      const vote = votes.get(rules.self)
      if (vote !== undefined) said({ kind: 'vote', vote })
    }
  }
}
