import type { Hex } from '#base/hex.ts'
import { isReadyToCertify, certifiedRoot } from './ancestry.ts'
import { answer, ask, askAgain, rebroadcast } from './catch-up.ts'
import { addCertificate } from './certificates.ts'
import type { Effect } from './effect.ts'
import { commit } from './finality.ts'
import { forgetOld } from './forget.ts'
import type { Input, Timer } from './input.ts'
import type { Certificate } from './messages.ts'
import { addBlock, addProposal, propose, proposeBuilt, voteForProposal } from './proposals.ts'
import { replay } from './recovery.ts'
import { signFinalize, signNullify } from './sign.ts'
import { type BlockRecord, type State, emit } from './state.ts'
import { indicesOf } from './validators.ts'
import { addVote, tally } from './votes.ts'

/**
 * Simplex consensus (Chan and Pass, 2023) with a check of the block between notarization and finality.
 *
 * An epoch has one set of validators and views 1, 2, 3, ... A quorum is more than two thirds of the weight;
 * less than a third is faulty.
 *
 * 1. In view v a proposer allowed by `proposersOf` proposes a block on the block of an earlier view u.
 * 2. A validator votes `notarize` for the first proposal of its view whose parent it holds as notarized and
 *    valid, with every view between u and v nullified. It does so once a view.
 * 3. When 2 delta pass without such a proposal, or 4 delta without a valid notarized block, or the block is
 *    found invalid, it votes `nullify`.
 * 4. When the block of v is notarized by a quorum and found valid here (`certify`), a validator that did not
 *    vote to nullify v votes `finalize`, and goes on to v + 1. It goes on as well when v is nullified.
 * 5. A block finalized by a quorum is final with all its ancestors.
 *
 * Safety. Nobody honest votes both `nullify` and `finalize` in a view, or twice `notarize`. If block B of view
 * v is final, more than a third of the weight is honest and finalized it: v is never nullified, and no other
 * block of v is notarized. By rule 2 each later notarized block has a parent at v or later, so by induction it
 * descends from B.
 *
 * Liveness. Whoever enters a view relays the certificate that let it in, so after stability all enter within
 * delta; an honest leader's block is then notarized by all in time. Votes and certificates lost before are
 * sent again while a view lasts. Delays double after every fourth view without a good block, as far as
 * sixteenfold, should delta be underestimated.
 *
 * The last block of an epoch has no descendants in it: later views propose it again until it is final. Its
 * certificate is the handoff to the next set.
 *
 * The state is changed in place and by this function alone. It knows no time, chance or network.
 */
export function step(state: State, input: Input): readonly Effect[] {
  take(state, input)
  if (state.isStarted) progress(state)
  const { effects } = state
  state.effects = []
  return effects
}

function take(state: State, input: Input): void {
  switch (input.kind) {
    case 'proposal':
      return addProposal(state, input.proposal)
    case 'vote':
      return addVote(state, input.vote)
    case 'certificate':
      return takeCertificate(state, input.certificate)
    case 'block':
      addBlock(state, input.root, input.block)
      return
    case 'built':
      return proposeBuilt(state, input)
    case 'certified':
      return takeVerdict(state, input)
    case 'request':
      return answer(state, input.peer, input.request)
    case 'timer':
      return takeTimer(state, input.timer)
    case 'replayed':
      return replay(state, input.entry)
    case 'started':
      return start(state)
  }
}

/** A new certificate is logged and relayed: whoever goes on takes the others along. */
function takeCertificate(state: State, certificate: Certificate): void {
  if (!addCertificate(state, certificate)) return
  emit(state, { kind: 'log', entry: { kind: 'certificate', certificate } })
  emit(state, { kind: 'broadcast', message: { kind: 'certificate', certificate } })
}

function takeVerdict(
  state: State,
  verdict: { readonly root: Hex; readonly isValid: boolean; readonly elected?: number },
): void {
  const record = state.blocks.get(verdict.root)
  if (record === undefined || record.isValid !== undefined) return
  record.isValid = verdict.isValid
  record.elected = verdict.elected
  const signed = state.views.get(state.view)?.signed
  if (!verdict.isValid && signed?.notarize === verdict.root) signNullify(state, state.view)
}

function start(state: State): void {
  if (state.isStarted) return
  state.isStarted = true
  // Our own votes may be a quorum, and whoever aggregated them last time is gone.
  for (const record of state.views.values()) {
    for (const votes of Object.values(record.votes)) {
      for (const vote of votes.values()) tally(state, record, vote)
    }
  }
  enter(state, state.final.view + 1)
}

/** Does everything that the state allows, in the order of the rules. */
function progress(state: State): void {
  commit(state)
  while (advance(state)) commit(state)
  if (state.isOver) return
  propose(state)
  voteForProposal(state)
  certifyVoted(state)
}

/** Settles notarized views and enters the next one where a certificate allows it. */
function advance(state: State): boolean {
  for (const view of state.unsettled) settle(state, view)
  const { certifiedView, view } = state
  if (state.isOver || certifiedView < view) return false
  const certificates = state.views.get(certifiedView)?.certificates
  const isLeft =
    certifiedView <= state.goodView || // the final or the good view itself
    certificates?.nullify !== undefined ||
    certificates?.finalize !== undefined
  if (!isLeft && certifiedView === view) return false
  enter(state, isLeft ? certifiedView + 1 : certifiedView)
  return true
}

/** Rule 4: has the block of a notarized view checked, then finalizes or nullifies. */
function settle(state: State, view: number): void {
  const root = certifiedRoot(state, view)
  if (root === undefined) return
  const record = state.blocks.get(root)
  if (record?.isValid === undefined) return pursue(state, view, root)
  state.unsettled.delete(view)
  if (record.isValid) {
    state.goodView = Math.max(state.goodView, view)
    signFinalize(state, view, root)
  } else if (view === state.view) {
    signNullify(state, view)
  }
}

/** Has a notarized block checked, or asks those who notarized it for what is missing. */
function pursue(state: State, view: number, root: Hex): void {
  const record = state.blocks.get(root)
  if (record !== undefined) certify(state, record)
  if (record?.isAsked === true) return
  const missing = record?.block?.parentRoot ?? root
  if (state.blocks.has(missing)) return // the parent is being checked
  state.wanted.add(missing)
  const { rules, views } = state
  const signers = views.get(view)?.certificates.notarize?.signers ?? '0x'
  const holders = indicesOf(signers, rules.set.validators.length) ?? []
  // Another one in each view: of those who signed some may be faulty, and an honest one has it.
  const from = holders[(state.view + (rules.self ?? 0)) % holders.length]
  ask(state, { from, viewMin: record === undefined ? view : state.final.view + 1 })
}

function certify(state: State, record: BlockRecord): void {
  const { root, block } = record
  if (record.isAsked || block === undefined || !isReadyToCertify(state, record)) return
  record.isAsked = true
  emit(state, { kind: 'certify', root, block })
}

/** A block voted for is checked at once, so that the check overlaps with the votes; so is a final one. */
function certifyVoted(state: State): void {
  const voted = state.views.get(state.view)?.signed.notarize
  for (const root of [state.final.root, voted]) {
    const record = root === undefined ? undefined : state.blocks.get(root)
    if (record !== undefined) certify(state, record)
  }
}

function enter(state: State, view: number): void {
  state.view = view
  state.asked.clear()
  forgetOld(state)
  const { deltaMs } = state.rules
  setTimer(state, { view, name: 'proposal' }, 2 * deltaMs)
  setTimer(state, { view, name: 'certification' }, 4 * deltaMs)
}

function setTimer(state: State, timer: Timer, delayMs: number): void {
  const failed = state.view - 1 - state.goodView
  const factor = 2 ** Math.min(4, Math.floor(failed / 4))
  emit(state, { kind: 'setTimer', timer, delayMs: delayMs * factor })
}

/** Rule 3, and what was lost is sent again for as long as the view lasts. */
function takeTimer(state: State, { view, name }: Timer): void {
  if (!state.isStarted || state.isOver || view !== state.view) return
  const signed = state.views.get(view)?.signed
  if (name !== 'proposal' || signed?.notarize === undefined) signNullify(state, view)
  if (name === 'proposal') return
  rebroadcast(state)
  askAgain(state)
  setTimer(state, { view, name: 'retry' }, 2 * state.rules.deltaMs)
}
