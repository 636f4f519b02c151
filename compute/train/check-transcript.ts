import { assert } from '#base/assert.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps, SegmentRecord, Transcript } from '#wire/segment.ts'
import { segmentsPerWorker } from '#wire/spec.ts'
import { faultOfCertificate, listHashOf } from './certificate.ts'
import type { AttemptFacts, Submission } from './attempt-facts.ts'
import { stateRootOf, stepRootOf } from './commit.ts'
import { segmentRounds, segmentsRootOf } from './records.ts'

type Report = (kind: Finding['kind'], place?: Partial<Finding>) => void

/** What one transcript alone proves against its worker, by hashes and signatures. */
export function checkTranscript(
  facts: AttemptFacts,
  submission: Submission,
  transcript: Transcript,
): Finding[] {
  const { worker } = submission
  const findings: Finding[] = []
  const report: Report = (kind, place = {}) => findings.push({ kind, worker, ...place })
  if (segmentsRootOf(transcript.records) !== submission.segmentsRoot) report('segmentsRoot')
  if (!isOf(facts, worker, transcript)) report('transcript')
  else if (!hasLayout(facts, transcript)) report('layout')
  else {
    checkLists(facts, transcript, report)
    checkHistory(facts, transcript, report)
    checkModel(facts, { submission, transcript, report })
  }
  return findings
}

function isOf({ jobId, attempt }: AttemptFacts, worker: Hex, transcript: Transcript): boolean {
  return [transcript, ...transcript.records].every(
    (part) => part.jobId === jobId && part.attempt === attempt && part.worker === worker,
  )
}

/** Every round of the job once, in order, in the segment where it belongs. */
function hasLayout({ train }: AttemptFacts, { records, rounds }: Transcript): boolean {
  return (
    rounds.length === train.rounds &&
    rounds.every(({ round }, i) => round === i) &&
    records.length === segmentsPerWorker(train) &&
    records.every((record, segment) => {
      const { first, count } = segmentRounds(train, segment)
      return (
        record.segment === segment &&
        record.rounds.length === count &&
        record.rounds.every(({ round }, i) => round === first + i)
      )
    })
  )
}

function checkLists(facts: AttemptFacts, { rounds }: Transcript, report: Report): void {
  for (const certificate of rounds) {
    if (!isFixed(facts, certificate)) report('certificate', { round: certificate.round })
  }
}

/** Whether a list is fixed: by the contract, or by two thirds of the active workers. */
function isFixed(facts: AttemptFacts, certificate: RoundList): boolean {
  if (!certificate.isClosedOnChain) {
    return faultOfCertificate(certificate, facts.active, facts.signerOf) === undefined
  }
  const closed = facts.closedRounds.get(certificate.round)
  return closed !== undefined && listHashOf(closed) === listHashOf(certificate.list)
}

function checkHistory(facts: AttemptFacts, transcript: Transcript, report: Report): void {
  let before = facts.initial
  for (const record of transcript.records) {
    const { segment } = record
    if (!sameLeaf(record.input, before)) {
      report(segment === 0 ? 'initialState' : 'input', {
        segment,
        committed: stateRootOf(record.input),
        expected: stateRootOf(before),
      })
    }
    checkRecord(facts, { record, lists: transcript.rounds, report })
    before = outputOf(record)
  }
}

function checkRecord(
  facts: AttemptFacts,
  { record, lists, report }: { record: SegmentRecord; lists: readonly RoundList[]; report: Report },
): void {
  const { segment, worker } = record
  const isRooted =
    record.inputRoot === stateRootOf(record.input) &&
    record.outputRoot === stateRootOf(outputOf(record)) &&
    record.stepRoot === stepRootOf(leavesOf(record))
  if (!isRooted) report('roots', { segment })
  let before = record.input
  let step = 0
  for (const round of record.rounds) {
    checkRound(facts, {
      round,
      before,
      list: lists[round.round] as RoundList,
      worker,
      report: (kind, place) =>
        report(kind, { segment, round: round.round, ...place, step: step + (place?.step ?? 0) }),
    })
    before = round.aggregated
    step += round.steps.length + 1
  }
  const localSteps = record.rounds.reduce((sum, { steps }) => sum + steps.length, 0)
  if (record.flops !== localSteps * facts.flopsPerStep) report('flops', { segment })
}

interface RoundCheck {
  readonly round: RoundSteps
  readonly before: Leaf
  readonly list: RoundList
  readonly worker: Hex
  /** `step` counts from the round's first one. */
  readonly report: Report
}

function checkRound({ train }: AttemptFacts, check: RoundCheck): void {
  const { round, before, list, worker, report } = check
  const { steps, aggregated } = round
  const listed = list.list.find((update) => update.worker === worker)
  if (steps.length !== (listed ? train.localSteps : 0)) report('membership')
  let last = before
  for (const [step, leaf] of steps.entries()) {
    if (leaf.step !== last.step + 1) report('counter', { step })
    last = leaf
  }
  const step = steps.length
  if (aggregated.step !== last.step) report('counter', { step })
  if (aggregated.m !== last.m || aggregated.v !== last.v) report('moments', { step })
  const listHash = listHashOf(list.list)
  if (round.listHash !== listHash || aggregated.transcript !== listHash)
    report('listHash', { step })
  if (listed && listed.updateRoot !== last.p) {
    report('updateRoot', { step, expected: last.p, committed: listed.updateRoot })
  }
}

function checkModel(
  facts: AttemptFacts,
  {
    submission,
    transcript,
    report,
  }: { submission: Submission; transcript: Transcript; report: Report },
): void {
  const last = transcript.records.at(-1)
  const expected = last && facts.modelHashOf(outputOf(last).p)
  if (expected !== submission.modelHash) {
    report('modelHash', { expected, committed: submission.modelHash })
  }
}

function outputOf({ rounds }: SegmentRecord): Leaf {
  const last = rounds.at(-1)
  assert(last !== undefined, 'a record has a round')
  return last.aggregated
}

function leavesOf(record: SegmentRecord): Leaf[] {
  return [record.input, ...record.rounds.flatMap(({ steps, aggregated }) => [...steps, aggregated])]
}

function sameLeaf(a: Leaf, b: Leaf): boolean {
  return (
    a.p === b.p && a.m === b.m && a.v === b.v && a.step === b.step && a.transcript === b.transcript
  )
}
