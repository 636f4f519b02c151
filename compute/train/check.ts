import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { RoundList, Transcript } from '#wire/segment.ts'
import { roundsPerSegment, segmentsPerWorker } from '#wire/spec.ts'
import type { AttemptFacts } from './attempt-facts.ts'
import { doubleSigners, listHashOf } from './certificate.ts'
import { checkTranscript } from './check-transcript.ts'

/** A transcript, or why there is none: nobody served its bytes, or they are no transcript. */
export type Served = Transcript | 'withheld' | 'malformed'

/** Workers that give the same aggregate different parameters: one repetition tells who is right. */
export interface Contest {
  readonly round: number
  readonly list: RoundList
  readonly claims: readonly { readonly worker: Hex; readonly p: Hex }[]
}

export interface Checked {
  /** In order; see `sortFindings`. */
  readonly findings: readonly Finding[]
  readonly contests: readonly Contest[]
  /** Share of the local steps that each worker has done, in whole segments, rounded up. */
  readonly credits: ReadonlyMap<Hex, number>
}

/** More lies of one worker than this are not listed. */
export const findingsPerWorkerMax = 256

/**
 * All that hashes alone can tell about an attempt: every transcript by itself, then all against each other.
 * Only workers that submitted can be named. Pure: the same facts give every evaluator the same findings in the same order.
 */
export function checkAttempt(facts: AttemptFacts, served: ReadonlyMap<Hex, Served>): Checked {
  const findings: Finding[] = []
  const sound = new Map<Hex, Transcript>()
  const credits = new Map<Hex, number>()
  for (const submission of facts.results) {
    const { worker } = submission
    const transcript = served.get(worker) ?? 'withheld'
    if (transcript === 'withheld') {
      findings.push({ kind: 'transcriptWithheld', worker })
    } else if (transcript === 'malformed') {
      findings.push({ kind: 'transcript', worker })
    } else {
      const own = checkTranscript(facts, submission, transcript)
      findings.push(...own)
      if (!own.some(({ kind }) => isUnsound(kind))) sound.set(worker, transcript)
      credits.set(worker, creditOf(facts, transcript))
    }
  }
  const whole = [...sound.values()]
  findings.push(...doubleVotes(facts, whole), ...overruled(facts, sound))
  const submitted = new Set(facts.results.map(({ worker }) => worker))
  const answerable = findings.filter(({ worker }) => submitted.has(worker))
  return {
    findings: sortFindings(answerable, facts.active),
    contests: contestsOf(facts, sound),
    credits,
  }
}

/** By worker index, segment, step, round, kind; each once, at most `findingsPerWorkerMax` of a worker. */
export function sortFindings(findings: readonly Finding[], active: readonly Hex[]): Finding[] {
  const keyed = new Map(
    findings.map((finding) => [JSON.stringify(placeOf(finding, active)), finding]),
  )
  const counts = new Map<Hex, number>()
  return [...keyed.values()]
    .toSorted((a, b) => comparePlaces(placeOf(a, active), placeOf(b, active)))
    .filter(({ worker }) => {
      const count = (counts.get(worker) ?? 0) + 1
      counts.set(worker, count)
      return count <= findingsPerWorkerMax
    })
}

type Place = readonly (number | string)[]

function placeOf(finding: Finding, active: readonly Hex[]): Place {
  const { worker, segment = -1, step = -1, round = -1, kind } = finding
  return [active.indexOf(worker), segment, step, round, kind]
}

function comparePlaces(a: Place, b: Place): number {
  const at = a.findIndex((part, i) => part !== b[i])
  if (at < 0) return 0
  return (a[at] as number | string) < (b[at] as number | string) ? -1 : 1
}

/** Faults after which a transcript says nothing about others: its places or its signatures mean nothing. */
function isUnsound(kind: Finding['kind']): boolean {
  return kind === 'transcript' || kind === 'layout' || kind === 'certificate'
}

function creditOf({ train }: AttemptFacts, transcript: Transcript): number {
  const rounds = transcript.records.flatMap((record) => record.rounds)
  const done = rounds.reduce((sum, round) => sum + round.steps.length, 0)
  const segments = segmentsPerWorker(train)
  return Math.min(segments, Math.ceil((segments * done) / (train.rounds * train.localSteps)))
}

function doubleVotes({ train }: AttemptFacts, transcripts: readonly Transcript[]): Finding[] {
  const findings: Finding[] = []
  for (let round = 0; round < train.rounds; round += 1) {
    const lists = distinctLists(transcripts.map(({ rounds }) => rounds[round] as RoundList))
    for (const [i, one] of lists.entries()) {
      for (const other of lists.slice(i + 1)) {
        findings.push(
          ...doubleSigners(one, other).map(
            (worker) => ({ kind: 'doubleVote', worker, round }) as const,
          ),
        )
      }
    }
  }
  return findings
}

function distinctLists(lists: readonly RoundList[]): RoundList[] {
  return lists.filter(
    (list, i) =>
      lists.findIndex((other) => sameList(other, list) && signersOf(other) === signersOf(list)) ===
      i,
  )
}

function signersOf(list: RoundList): string {
  return list.signatures.map(({ worker }) => worker).join()
}

function sameList(a: RoundList, b: RoundList): boolean {
  return listHashOf(a.list) === listHashOf(b.list)
}

/**
 * A round can have a certificate and a list on chain when messages were late. What most submitters followed
 * stands (the certificate on a tie); the others are not guilty, but their work is of another model.
 */
function overruled(facts: AttemptFacts, transcripts: ReadonlyMap<Hex, Transcript>): Finding[] {
  for (let round = 0; round < facts.train.rounds; round += 1) {
    const followed = [...transcripts].map(([worker, { rounds }]) => ({
      worker,
      list: rounds[round] as RoundList,
    }))
    const support = (list: RoundList) =>
      followed.filter((other) => sameList(other.list, list)).length
    const [best] = followed
      .map(({ list }) => list)
      .toSorted(
        (a, b) =>
          support(b) - support(a) ||
          Number(a.isClosedOnChain) - Number(b.isClosedOnChain) ||
          (listHashOf(a.list) < listHashOf(b.list) ? -1 : 1),
      )
    const others = followed.filter(({ list }) => best && !sameList(list, best))
    // After the first such round the histories differ anyway.
    if (others.length > 0) return others.map(({ worker }) => ({ kind: 'overruled', worker, round }))
  }
  return []
}

function contestsOf(facts: AttemptFacts, transcripts: ReadonlyMap<Hex, Transcript>): Contest[] {
  const perSegment = roundsPerSegment(facts.train)
  const contests: Contest[] = []
  for (let round = 0; round < facts.train.rounds; round += 1) {
    const byList = Map.groupBy(transcripts, ([, { rounds }]) =>
      listHashOf((rounds[round] as RoundList).list),
    )
    for (const followers of byList.values()) {
      const claims = followers.map(([worker, { records }]) => ({
        worker,
        p: records[Math.floor(round / perSegment)]?.rounds[round % perSegment]?.aggregated.p as Hex,
      }))
      const isContested = claims.some(({ p }) => p !== claims[0]?.p)
      const list = followers[0]?.[1].rounds[round] as RoundList
      if (isContested) contests.push({ round, list, claims })
    }
  }
  return contests
}
