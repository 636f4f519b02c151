import { addCertificate } from './certificates.ts'
import type { LogEntry } from './input.ts'
import { keepBlock } from './proposals.ts'
import { type State, recordAt } from './state.ts'
import type { Signed } from './messages.ts'

/**
 * Takes in an entry of the log. What was signed binds the node again, before it hears of anything else; the
 * order of entries does not matter, and neither does it to take one in twice.
 */
export function replay(state: State, entry: LogEntry): void {
  if (entry.kind === 'certificate') addCertificate(state, entry.certificate)
  else if (entry.kind === 'block') replayBlock(state, entry)
  else replaySigned(state, entry)
}

function replayBlock(state: State, { root, block }: LogEntry & { kind: 'block' }): void {
  const isOfEpoch = block.epoch === state.rules.set.epoch
  if (isOfEpoch && block.height > state.final.height) keepBlock(state, root, block)
}

function replaySigned(state: State, entry: Signed): void {
  const { epoch, view } = entry.kind === 'vote' ? entry.vote : entry.proposal
  if (epoch !== state.rules.set.epoch || view <= state.final.view) return
  const { signed, proposals, votes } = recordAt(state, view)
  if (entry.kind === 'proposal') {
    const { proposal } = entry
    if (signed.proposal === undefined) proposals.push(proposal)
    signed.proposal = proposal.root
    keepBlock(state, proposal.root, proposal.block)
    return
  }
  const { vote } = entry
  votes[vote.kind].set(vote.voter, vote)
  if (vote.kind === 'nullify') signed.isNullified = true
  else signed[vote.kind] = vote.block
}
