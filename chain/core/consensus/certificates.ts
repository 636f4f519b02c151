import type { Certificate } from './messages.ts'
import { guiltyOf, votesConflict } from './evidence.ts'
import { consensusLimits } from './limits.ts'
import { type State, type ViewRecord, emit, recordAt } from './state.ts'
import { type ValidatorSet, indicesOf, isVoter, weightOf } from './validators.ts'

/** Whether the certificate's shape is right and its signers, voters all, are a quorum of the set. */
export function isQuorumCertificate(set: ValidatorSet, certificate: Certificate): boolean {
  const { kind, epoch, block, signers } = certificate
  if (epoch !== set.epoch || (block === undefined) !== (kind === 'nullify')) return false
  const indices = indicesOf(signers, set.validators.length)
  if (indices?.every((index) => isVoter(set, index)) !== true) return false
  return weightOf(set, indices) >= set.quorumWeight
}

/** Takes a certificate in; says whether it was new. */
export function addCertificate(state: State, certificate: Certificate): boolean {
  const { kind, view, block } = certificate
  if (!isQuorumCertificate(state.rules.set, certificate)) return false
  const isPast = view <= state.final.view
  const record = isPast ? state.past.get(view) : recordAt(state, view)
  if (record === undefined) return false
  for (const earlier of Object.values(record.certificates)) {
    if (votesConflict(earlier, certificate)) accuseQuorum(state, record, [earlier, certificate])
  }
  if (isPast) return false
  if (record.certificates[kind] !== undefined) return false
  record.certificates[kind] = certificate
  state.certifiedView = Math.max(state.certifiedView, view)
  if (kind === 'notarize') state.unsettled.add(view)
  if (kind === 'finalize') waitFinal(state, certificate)
  if (block !== undefined && !state.blocks.has(block)) state.wanted.add(block)
  return true
}

/** A third of the weight has signed both. One pair a view is evidence enough. */
function accuseQuorum(
  state: State,
  { accused }: ViewRecord,
  [first, second]: readonly [Certificate, Certificate],
): void {
  const evidence = { kind: 'certificates', first, second } as const
  const guilty = guiltyOf(evidence, state.rules.set)
  if (guilty.every((index) => accused.has(index))) return
  for (const index of guilty) accused.add(index)
  emit(state, { kind: 'evidence', evidence })
}

function waitFinal(state: State, certificate: Certificate): void {
  const { waitingFinals } = state
  waitingFinals.set(certificate.view, certificate)
  if (waitingFinals.size <= consensusLimits.waitingFinalsMax) return
  // The lowest completes first and the highest says how far there is to go: one between them can wait.
  const between = [...waitingFinals.keys()].toSorted((a, b) => a - b)[1]
  if (between !== undefined) waitingFinals.delete(between)
}
