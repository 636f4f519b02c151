import { describe, expect, test } from 'vitest'
import { checkAttempt, findingsPerWorkerMax, sortFindings } from '#compute/train/check.ts'
import { recordOf } from '#compute/train/records.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps, SegmentRecord, Transcript } from '#wire/segment.ts'
import {
  type World,
  certificateOf,
  flopsPerStep,
  honestWorld,
  rootOf,
  signature,
  submissionOf,
  train,
  updateOf,
  workers,
} from './check-world.ts'

const liar = workers[1] as Hex
const junk = rootOf('junk')

type Draft<T> = T extends readonly (infer Item)[]
  ? Draft<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Draft<T[Key]> }
    : T

/** A copy in which no two places share an object. */
function cloneOf({ served }: World, worker: Hex): Draft<Transcript> {
  return JSON.parse(JSON.stringify(served.get(worker))) as Draft<Transcript>
}

/** The world in which a worker changed its transcript before it computed hashes and submitted. */
function lie(change: (transcript: Draft<Transcript>) => void, world = honestWorld()): World {
  const transcript = cloneOf(world, liar)
  change(transcript)
  transcript.records = transcript.records.map((record) => rehash(record as SegmentRecord)) as never
  return submit(world, transcript as Transcript)
}

/** The world in which it changed what the hashes say. */
function misquote(change: (transcript: Draft<Transcript>) => void): World {
  const world = honestWorld()
  const transcript = cloneOf(world, liar)
  change(transcript)
  return submit(world, transcript as Transcript)
}

function submit(world: World, transcript: Transcript): World {
  const results = world.facts.results.map((result) =>
    result.worker === liar ? submissionOf(liar, transcript) : result,
  )
  return {
    facts: { ...world.facts, results },
    served: new Map([...world.served, [liar, transcript]]),
  }
}

function rehash(record: SegmentRecord): SegmentRecord {
  const { jobId, attempt, worker, segment, input, rounds } = record
  return recordOf({ jobId, attempt, worker, segment }, { input, rounds }, flopsPerStep)
}

const findingsOf = ({ facts, served }: World) => checkAttempt(facts, served).findings
const roundAt = (transcript: Draft<Transcript>, segment: number, position: number) =>
  transcript.records[segment]?.rounds[position] as Draft<RoundSteps>
const listAt = (transcript: Draft<Transcript>, round: number) =>
  transcript.rounds[round] as Draft<RoundList>
const recordAt = (transcript: Draft<Transcript>, segment: number) =>
  transcript.records[segment] as Draft<SegmentRecord>
const stepAt = (round: Draft<RoundSteps>, step: number) => round.steps[step] as Draft<Leaf>

describe('checkAttempt', () => {
  test('finds nothing against honest workers and credits them in full', () => {
    const { facts, served } = honestWorld({ closed: [2] })
    expect(checkAttempt(facts, served)).toEqual({
      findings: [],
      contests: [],
      credits: new Map(workers.map((worker) => [worker, 3])),
    })
  })

  test('a worker that lists left out is honest and has its share of credit', () => {
    const missing = (round: number, worker: Hex) => worker === liar && round >= 2
    const { facts, served } = honestWorld({ missing })
    const { findings, credits } = checkAttempt(facts, served)
    expect(findings).toEqual([])
    expect(credits.get(liar)).toBe(1) // 2 of 7 rounds are less than one of 3 segments
    const half = honestWorld({ missing: (round, worker) => worker === liar && round >= 3 })
    expect(checkAttempt(half.facts, half.served).credits.get(liar)).toBe(2)
    const none = honestWorld({ missing: (_round, worker) => worker === liar })
    expect(checkAttempt(none.facts, none.served).credits.get(liar)).toBe(0)
  })

  test('a worker that did not submit is not looked at', () => {
    const { facts, served } = honestWorld()
    served.delete(liar)
    const results = facts.results.filter(({ worker }) => worker !== liar)
    expect(findingsOf({ facts: { ...facts, results }, served })).toEqual([])
  })

  test('transcriptWithheld: nobody serves the bytes', () => {
    const world = honestWorld()
    world.served.set(liar, 'withheld')
    expect(findingsOf(world)).toEqual([{ kind: 'transcriptWithheld', worker: liar }])
  })

  test('transcript: the bytes are no transcript', () => {
    const world = honestWorld()
    world.served.set(liar, 'malformed')
    expect(findingsOf(world)).toEqual([{ kind: 'transcript', worker: liar }])
  })

  test.each<[string, (transcript: Draft<Transcript>) => void]>([
    ['job', (transcript) => (transcript.jobId = junk)],
    ['attempt', (transcript) => (transcript.attempt = 1)],
    ['worker', (transcript) => (transcript.worker = workers[0] as Hex)],
    ['job in a record', (transcript) => (recordAt(transcript, 1).jobId = junk)],
    ['attempt in a record', (transcript) => (recordAt(transcript, 1).attempt = 1)],
    ['worker in a record', (transcript) => (recordAt(transcript, 1).worker = workers[0] as Hex)],
  ])('transcript: another %s', (_name, change) => {
    expect(findingsOf(misquote(change))).toEqual([{ kind: 'transcript', worker: liar }])
  })

  test('segmentsRoot: the records are not the ones on chain', () => {
    const world = honestWorld()
    const results = world.facts.results.map((result) =>
      result.worker === liar ? { ...result, segmentsRoot: junk } : result,
    )
    expect(findingsOf({ ...world, facts: { ...world.facts, results } })).toEqual([
      { kind: 'segmentsRoot', worker: liar },
    ])
  })

  test.each<[string, (transcript: Draft<Transcript>) => void]>([
    ['a segment too few', (transcript) => transcript.records.pop()],
    ['segments out of order', (transcript) => (recordAt(transcript, 1).segment = 2)],
    ['a round too few', (transcript) => recordAt(transcript, 1).rounds.pop()],
    ['a round twice', (transcript) => (roundAt(transcript, 1, 1).round = 3)],
    ['a list too few', (transcript) => transcript.rounds.pop()],
    ['a list twice', (transcript) => (listAt(transcript, 4).round = 3)],
  ])('layout: %s', (_name, change) => {
    const world = lie(change)
    const last = submissionOf(liar, honestWorld().served.get(liar) as Transcript)
    const results = world.facts.results.map((result) => ({ ...last, ...result }))
    expect(findingsOf({ ...world, facts: { ...world.facts, results } })).toEqual([
      { kind: 'layout', worker: liar },
    ])
  })

  test('membership: listed, but without steps', () => {
    const world = lie((transcript) => {
      const round = roundAt(transcript, 2, 0)
      round.steps = []
      round.aggregated.step -= train.localSteps
      const before = roundAt(transcript, 1, 2).aggregated
      Object.assign(round.aggregated, { m: before.m, v: before.v })
    })
    const place = { worker: liar, segment: 2, round: 6 }
    expect(findingsOf(world)).toContainEqual({ kind: 'membership', ...place, step: 0 })
  })

  test('membership: steps in a round that left it out', () => {
    const missing = (round: number, worker: Hex) => worker === liar && round === 6
    const world = lie((transcript) => {
      const round = roundAt(transcript, 2, 0)
      const step = round.aggregated.step + 1
      round.steps = [{ ...round.aggregated, step }]
      round.aggregated.step = step
    }, honestWorld({ missing }))
    expect(findingsOf(world)).toEqual([
      { kind: 'membership', worker: liar, segment: 2, round: 6, step: 0 },
    ])
  })

  test('initialState: training began elsewhere', () => {
    const world = lie((transcript) => (recordAt(transcript, 0).input.p = junk))
    expect(findingsOf(world)).toMatchObject([{ kind: 'initialState', worker: liar, segment: 0 }])
  })

  test.each(['p', 'm', 'v', 'transcript'] as const)(
    'input: a segment begins with another %s',
    (part) => {
      const world = lie((transcript) => (recordAt(transcript, 1).input[part] = junk))
      expect(findingsOf(world)).toMatchObject([{ kind: 'input', worker: liar, segment: 1 }])
    },
  )

  test.each(['inputRoot', 'outputRoot', 'stepRoot'] as const)('roots: another %s', (root) => {
    const world = misquote((transcript) => (recordAt(transcript, 1)[root] = junk))
    expect(findingsOf(world)).toEqual([{ kind: 'roots', worker: liar, segment: 1 }])
  })

  test('counter: a step is counted twice', () => {
    const world = lie((transcript) => (stepAt(roundAt(transcript, 1, 1), 0).step += 1))
    expect(findingsOf(world)).toEqual([
      { kind: 'counter', worker: liar, segment: 1, round: 4, step: 3 },
      { kind: 'counter', worker: liar, segment: 1, round: 4, step: 4 },
    ])
  })

  test('counter: an aggregation counts as a step', () => {
    const world = lie((transcript) => (roundAt(transcript, 2, 0).aggregated.step += 1))
    expect(findingsOf(world)).toEqual([
      { kind: 'counter', worker: liar, segment: 2, round: 6, step: 2 },
    ])
  })

  test.each(['m', 'v'] as const)('moments: an aggregation changed %s', (part) => {
    const world = lie((transcript) => (roundAt(transcript, 2, 0).aggregated[part] = junk))
    expect(findingsOf(world)).toEqual([
      { kind: 'moments', worker: liar, segment: 2, round: 6, step: 2 },
    ])
  })

  test('flops: more work than the layout gives', () => {
    const world = misquote((transcript) => (recordAt(transcript, 1).flops += flopsPerStep))
    expect(findingsOf(world)).toEqual([{ kind: 'flops', worker: liar, segment: 1 }])
  })

  test.each<[string, (round: Draft<RoundSteps>) => void]>([
    ['in the round', (round) => (round.listHash = junk)],
    ['in the leaf', (round) => (round.aggregated.transcript = junk)],
  ])('listHash: another list %s', (_name, change) => {
    expect(findingsOf(lie((transcript) => change(roundAt(transcript, 2, 0))))).toEqual([
      { kind: 'listHash', worker: liar, segment: 2, round: 6, step: 2 },
    ])
  })

  test.each<[string, (list: Draft<RoundList>) => void]>([
    ['no quorum', (list) => (list.signatures = list.signatures.slice(0, 1))],
    ['one signer twice', (list) => (list.signatures = Array(3).fill(list.signatures[0]) as never)],
    [
      'a forged signature',
      (list) =>
        (list.signatures = list.signatures.map((one) => ({
          ...one,
          signature: signature(liar, 4, junk),
        }))),
    ],
    ['a contract that fixed nothing', (list) => (list.isClosedOnChain = true)],
  ])('certificate: %s', (_name, change) => {
    expect(findingsOf(lie((transcript) => change(listAt(transcript, 4))))).toEqual([
      { kind: 'certificate', worker: liar, round: 4 },
    ])
  })

  test('certificate: another list than the one the contract fixed', () => {
    const world = honestWorld({ closed: [4] })
    const closedRounds = new Map([[4, [updateOf(4, liar)]]])
    expect(findingsOf({ ...world, facts: { ...world.facts, closedRounds } })).toEqual(
      workers.map((worker) => ({ kind: 'certificate', worker, round: 4 })),
    )
  })

  test('updateRoot: the listed update is not what the steps ended in', () => {
    const world = lie((transcript) => (stepAt(roundAt(transcript, 0, 1), 1).p = junk))
    expect(findingsOf(world)).toEqual([
      {
        kind: 'updateRoot',
        worker: liar,
        segment: 0,
        round: 1,
        step: 5,
        expected: junk,
        committed: updateOf(1, liar).updateRoot,
      },
    ])
  })

  test('modelHash: another model than the last state', () => {
    const world = honestWorld()
    const results = world.facts.results.map((result) =>
      result.worker === liar ? { ...result, modelHash: junk } : result,
    )
    expect(findingsOf({ ...world, facts: { ...world.facts, results } })).toMatchObject([
      { kind: 'modelHash', worker: liar, committed: junk },
    ])
  })

  test('doubleVote: two lists of one round share a signer, who pays', () => {
    const [honest, , other] = workers as [Hex, Hex, Hex]
    const short = [honest, liar].map((worker) => updateOf(6, worker))
    const world = lie((transcript) => {
      transcript.rounds[6] = certificateOf(6, short, [liar, honest]) as Draft<RoundList>
    })
    // The other transcripts hold a certificate of the liar and of the third worker.
    for (const worker of [honest, other]) {
      const transcript = cloneOf(world, worker)
      transcript.rounds[6] = certificateOf(
        6,
        workers.map((each) => updateOf(6, each)),
        [liar, other],
      ) as Draft<RoundList>
      world.served.set(worker, transcript as Transcript)
    }
    const doubles = findingsOf(world).filter(({ kind }) => kind === 'doubleVote')
    expect(doubles).toEqual([{ kind: 'doubleVote', worker: liar, round: 6 }])
  })

  test('doubleVote: every certificate of a list counts, and only who submitted can be named', () => {
    const [a, b, c] = workers as [Hex, Hex, Hex]
    const whole = workers.map((worker) => updateOf(6, worker))
    const short = [a, b].map((worker) => updateOf(6, worker))
    const world = lie((transcript) => {
      transcript.rounds[6] = certificateOf(6, short, [a, b]) as Draft<RoundList>
    })
    const held: [Hex, Hex[]][] = [
      [a, [b, c]],
      [c, [a, c]],
    ]
    for (const [worker, signers] of held) {
      const transcript = cloneOf(world, worker)
      transcript.rounds[6] = certificateOf(6, whole, signers) as Draft<RoundList>
      world.served.set(worker, transcript as Transcript)
    }
    const doubles = (results = world.facts.results) =>
      findingsOf({ ...world, facts: { ...world.facts, results } })
        .filter(({ kind }) => kind === 'doubleVote')
        .map(({ worker }) => worker)
    expect(doubles()).toEqual([a, b])
    expect(doubles(world.facts.results.filter(({ worker }) => worker !== a))).toEqual([])
  })

  test('doubleVote: a forged second certificate convicts only its bearer', () => {
    const world = lie((transcript) => {
      const forged = certificateOf(6, [updateOf(6, liar)])
      transcript.rounds[6] = {
        ...forged,
        signatures: forged.signatures.map((one) => ({
          ...one,
          signature: signature(liar, 6, junk),
        })),
      } as Draft<RoundList>
    })
    expect(findingsOf(world).every(({ worker }) => worker === liar)).toBe(true)
  })

  /** The world in which these followed the list that the contract fixed in round 3, the others a certificate. */
  function divided(closedFollowers: readonly Hex[], left: Hex): World {
    const world = honestWorld()
    const missing = (round: number, worker: Hex) => round === 3 && worker === left
    const closed = honestWorld({ closed: [3], missing })
    const pick = (worker: Hex) => (closedFollowers.includes(worker) ? closed : world)
    const served = new Map(
      workers.map((worker) => [worker, pick(worker).served.get(worker) as Transcript]),
    )
    const results = [...served].map(([worker, transcript]) => submissionOf(worker, transcript))
    const { closedRounds } = closed.facts
    return { facts: { ...world.facts, closedRounds, results }, served }
  }

  test.each([0, 1, 2])(
    'overruled: the list that most followed stands (worker %i is alone)',
    (alone) => {
      const one = workers[alone] as Hex
      const others = workers.filter((worker) => worker !== one)
      const finding = { kind: 'overruled', worker: one, round: 3 }
      expect(findingsOf(divided([one], workers[0] as Hex))).toEqual([finding])
      expect(findingsOf(divided(others, workers[0] as Hex))).toEqual([finding])
    },
  )

  test.each(workers)(
    'overruled: on a tie the certificate stands (the other list lacks %s)',
    (left) => {
      const [a, b] = workers as [Hex, Hex]
      const { facts, served } = divided([a], left)
      const results = facts.results.slice(0, 2)
      expect(findingsOf({ facts: { ...facts, results }, served })).toEqual([
        { kind: 'overruled', worker: a, round: 3 },
      ])
      expect(results.map(({ worker }) => worker)).toEqual([a, b])
    },
  )

  test('a foreign transcript takes no part in contests', () => {
    const world = lie((transcript) => {
      for (const part of [transcript, ...transcript.records]) part.attempt = 1
      roundAt(transcript, 1, 2).aggregated.p = junk
    })
    expect(checkAttempt(world.facts, world.served).contests).toEqual([])
  })

  test('a contest: the same list, another aggregate', () => {
    const world = lie((transcript) => {
      roundAt(transcript, 1, 2).aggregated.p = junk
      recordAt(transcript, 2).input.p = junk
    })
    const { findings, contests } = checkAttempt(world.facts, world.served)
    expect(findings).toEqual([])
    expect(contests.map(({ round, claims }) => [round, claims.map(({ p }) => p === junk)])).toEqual(
      [[5, [false, true, false]]],
    )
  })
})

describe('sortFindings', () => {
  const [first, second] = workers as [Hex, Hex]
  const ordered: Finding[] = [
    { kind: 'modelHash', worker: first },
    { kind: 'certificate', worker: first, round: 0 },
    { kind: 'certificate', worker: first, round: 10 },
    { kind: 'input', worker: first, segment: 2 },
    { kind: 'step', worker: first, segment: 10, step: 4 },
    { kind: 'step', worker: first, segment: 10, step: 31 },
    { kind: 'modelHash', worker: second },
  ]

  test('orders by worker index, segment, step, round and kind, whatever the order of discovery', () => {
    expect(sortFindings(ordered.toReversed(), workers)).toEqual(ordered)
  })

  test('lists a finding once, and a bounded number of one worker', () => {
    const many = Array.from({ length: findingsPerWorkerMax + 9 }, (_, segment) => ({
      kind: 'input' as const,
      worker: first,
      segment,
    }))
    const sorted = sortFindings([...many, ...many, ...ordered.slice(-1)], workers)
    expect(sorted).toEqual([...many.slice(0, findingsPerWorkerMax), ...ordered.slice(-1)])
  })
})
