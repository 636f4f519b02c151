import type { Vote } from './messages.ts'
import { votesConflict } from './evidence.ts'
import { type State, type ViewRecord, collectingRecord, emit } from './state.ts'
import { isVoter, weightOf } from './validators.ts'

/** Counts a vote. Whoever contradicts itself is accused; only its first vote of a kind counts. */
export function addVote(state: State, vote: Vote): void {
  const { set } = state.rules
  if (vote.epoch !== set.epoch || !isVoter(set, vote.voter)) return
  if ((vote.block === undefined) !== (vote.kind === 'nullify')) return
  const record = collectingRecord(state, vote.view)
  if (record === undefined) return
  accuse(state, record, vote)
  const votes = record.votes[vote.kind]
  if (votes.has(vote.voter)) return
  votes.set(vote.voter, vote)
  if (vote.view > state.final.view) tally(state, record, vote)
}

function accuse(state: State, record: ViewRecord, vote: Vote): void {
  if (record.accused.has(vote.voter)) return
  for (const votes of Object.values(record.votes)) {
    const earlier = votes.get(vote.voter)
    if (earlier === undefined || !votesConflict(earlier, vote)) continue
    record.accused.add(vote.voter)
    const evidence = { kind: 'votes', first: earlier, second: vote } as const
    emit(state, { kind: 'evidence', evidence })
    return
  }
}

/** Asks for a certificate where the votes that say the same as this one are a quorum. */
export function tally(state: State, record: ViewRecord, { kind, block }: Vote): void {
  const statement = block ?? 'none'
  if (record.certificates[kind] !== undefined) return
  if (record.aggregating.has(`${kind} ${statement}`)) return
  const { set } = state.rules
  const same = [...record.votes[kind].values()].filter((vote) => vote.block === block)
  const weight = weightOf(
    set,
    same.map(({ voter }) => voter),
  )
  if (weight < set.quorumWeight) return
  record.aggregating.add(`${kind} ${statement}`)
  const { view } = record
  emit(state, {
    kind: 'aggregate',
    statement: { kind, epoch: set.epoch, view, block },
    votes: same,
  })
}
