import { describe, expect, test } from 'vitest'
import { checkAttempt, findingsPerWorkerMax, sortFindings } from '#compute/train/check.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { liar, junk, cloneOf, lie, findingsOf, roundAt, recordAt } from './check-lies.ts'
import {
  type World,
  certificateOf,
  honestWorld,
  signature,
  submissionOf,
  updateOf,
  workers,
} from './check-world.ts'

describe('checkAttempt, all against each other', () => {
  test('doubleVote: two lists of one round share a signer, who pays', () => {
    const [honest, , other] = workers as [Hex, Hex, Hex]
    const short = [honest, liar].map((worker) => updateOf(6, worker))
    const world = lie((transcript) => {
      transcript.rounds[6] = certificateOf(6, short, [liar, honest])
    })
    // The other transcripts hold a certificate of the liar and of the third worker.
    for (const worker of [honest, other]) {
      const transcript = cloneOf(world, worker)
      transcript.rounds[6] = certificateOf(
        6,
        workers.map((each) => updateOf(6, each)),
        [liar, other],
      )
      world.served.set(worker, transcript)
    }
    const doubles = findingsOf(world).filter(({ kind }) => kind === 'doubleVote')
    expect(doubles).toEqual([{ kind: 'doubleVote', worker: liar, round: 6 }])
  })

  test('doubleVote: every certificate of a list counts, and only who submitted can be named', () => {
    const [a, b, c] = workers as [Hex, Hex, Hex]
    const whole = workers.map((worker) => updateOf(6, worker))
    const short = [a, b].map((worker) => updateOf(6, worker))
    const world = lie((transcript) => {
      transcript.rounds[6] = certificateOf(6, short, [a, b])
    })
    const held: [Hex, Hex[]][] = [
      [a, [b, c]],
      [c, [a, c]],
    ]
    for (const [worker, signers] of held) {
      const transcript = cloneOf(world, worker)
      transcript.rounds[6] = certificateOf(6, whole, signers)
      world.served.set(worker, transcript)
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
      }
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
