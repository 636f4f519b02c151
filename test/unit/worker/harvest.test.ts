import { describe, expect, test } from 'vitest'
import { noopLogger } from '#base/log.ts'
import { type Commitment, type LedgerView, emptyLedger } from '#chain/client/ledger-view.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { type SegmentClaim, workWord } from '#wire/segment-claim.ts'
import { type Ripening, createHarvest, ripeningOf } from '#worker/harvest.ts'
import { recordingChain, stillFeed } from './fakes.ts'
import { sampleView } from './terms.ts'

const self: Hex = `0x${'a1'.repeat(20)}`
const other: Hex = `0x${'b2'.repeat(20)}`
const zero: Hex = `0x${'00'.repeat(32)}`

function claimOf(segment: number): SegmentClaim {
  const work = workWord({ segment, flops: 10 })
  const roots = { inputRoot: zero, outputRoot: zero, stepRoot: zero }
  return { work, ...roots, modelHash: zero, dataPointer: zero }
}

const commitments = Array.from({ length: 20 }, (_, i): Commitment => {
  return { worker: self, segmentId: `0x${i.toString(16)}`, claim: claimOf(i) }
})

function jobOf(ledger: Partial<LedgerView>, fields: Partial<JobView> = {}): JobView {
  const workers = [other, self]
  return sampleView({
    phase: 'settled',
    workers,
    active: [0, 1],
    ledger: { ...emptyLedger, commitments, ...ledger },
    ...fields,
  })
}

const requested = { seedHeight: 12n }
const drawn = { ...requested, attesters: [0, 1, 2, 3, 4] }
const words = (count: number, workers: number) =>
  Array.from({ length: count }, (_, seat) => ({ seat, workers }))
const first = commitments.slice(0, 16).map(({ claim }) => claim)
const rest = commitments.slice(16).map(({ claim }) => claim)
const done = commitments.slice(0, 16).map(({ segmentId }) => ({ segmentId, units: 1 }))

describe('ripeningOf', () => {
  test.each<[string, JobView, bigint, Ripening | undefined]>([
    ['not settled', jobOf({}, { phase: 'completed' }), 20n, undefined],
    ['nothing committed', jobOf({ commitments: [] }), 20n, undefined],
    ['of others', jobOf({ commitments: [{ ...commitments[0]!, worker: other }] }), 20n, undefined],
    ['settled', jobOf({}), 20n, { call: 'requestAttestation' }],
    ['requested, the height is to come', jobOf(requested), 11n, undefined],
    ['requested', jobOf(requested), 12n, { call: 'drawAttesters' }],
    ['drawn', jobOf(drawn), 14n, undefined],
    ['three attest', jobOf({ ...drawn, attested: words(3, 3) }), 14n, undefined],
    ['four attest of the other', jobOf({ ...drawn, attested: words(4, 1) }), 14n, undefined],
    [
      'four attest',
      jobOf({ ...drawn, attested: words(4, 2) }),
      14n,
      { call: 'mature', index: 1, claims: first },
    ],
    [
      'the one of one attests',
      jobOf({ ...requested, attesters: [0], attested: words(1, 2) }),
      14n,
      { call: 'mature', index: 1, claims: first },
    ],
    [
      'some are mature',
      jobOf({ ...drawn, attested: words(4, 2), matured: done }),
      14n,
      { call: 'mature', index: 1, claims: rest },
    ],
    ['silence for long', jobOf(drawn), 12n + 257n, { call: 'requestAttestation' }],
  ])('%s', (_name, view, number, expected) => {
    expect(ripeningOf(view, self, { number, timestamp: 0n })).toEqual(expected)
  })
})

describe('createHarvest', () => {
  function harvestOf(view: JobView, refuse: Record<string, string> = {}) {
    const { chain, sent } = recordingChain({}, refuse)
    const head = { number: 0n, timestamp: 0n }
    const harvest = createHarvest({
      feed: stillFeed([view], head),
      chain,
      self,
      log: noopLogger,
    })
    return { sent, tend: (number: bigint) => harvest.tend({ number, timestamp: 0n }) }
  }

  test('leaves the request to the first worker for two heights', async () => {
    const { sent, tend } = harvestOf(jobOf({}))
    await tend(20n)
    await tend(21n)
    expect(sent).toEqual([])
    await tend(22n)
    expect(sent.map(({ call }) => call)).toEqual(['requestAttestation'])
    await tend(23n)
    expect(sent.length).toBe(1)
  })

  test('leaves nothing to a worker that was removed', async () => {
    const { sent, tend } = harvestOf(jobOf({}, { active: [1] }))
    await tend(20n)
    expect(sent.map(({ call }) => call)).toEqual(['requestAttestation'])
  })

  test('matures what is its own at once, with the words that were committed', async () => {
    const view = jobOf({ ...drawn, attested: words(5, 2) })
    const { sent, tend } = harvestOf(view)
    await tend(20n)
    expect(sent).toEqual([{ call: 'mature', args: [view.terms, 1, first] }])
  })

  test('waits where the urn is full, and gives up in the end', async () => {
    const view = jobOf({ ...drawn, attested: words(5, 2) })
    const { sent, tend } = harvestOf(view, { mature: 'UrnFull' })
    for (let height = 20n; height < 26n; height += 1n) await tend(height)
    expect(sent.length).toBe(2)
    for (let height = 26n; height < 400n; height += 1n) await tend(height)
    expect(sent.length).toBe(20)
  })
})
