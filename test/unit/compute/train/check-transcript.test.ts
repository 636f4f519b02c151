import { describe, expect, test } from 'vitest'
import { checkAttempt } from '#compute/train/check.ts'
import type { Hex } from '#wire/primitives.ts'
import type { RoundList, RoundSteps, Transcript } from '#wire/segment.ts'
import {
  liar,
  junk,
  type Draft,
  lie,
  misquote,
  findingsOf,
  roundAt,
  listAt,
  recordAt,
  stepAt,
} from './check-lies.ts'
import {
  flopsPerStep,
  honestWorld,
  signature,
  submissionOf,
  train,
  updateOf,
  workers,
} from './check-world.ts'

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
})
