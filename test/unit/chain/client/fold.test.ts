import { describe, expect, test } from 'vitest'
import { foldEvent } from '#chain/client/fold.ts'
import { emptyLedger, unitsOf, unmatured } from '#chain/client/ledger-view.ts'
import { packTerms } from '#chain/client/terms.ts'
import { account, event, hash, jobId, postingOf, terms, verdict, viewAfter } from './jobs.ts'

const workers = [account('1'), account('2'), account('3')]
const assigned = event('WorkersAssigned', { workers, beaconHeight: 9n })
const result = {
  modelHash: hash('d'),
  modelCidDigest: hash('f'),
  segmentsRoot: hash('2'),
  transcriptCidDigest: hash('3'),
}

describe('foldEvent', () => {
  test('begins with the posting and keeps its terms', () => {
    const view = viewAfter()
    expect(view).toMatchObject({ jobId, phase: 'posted', attempt: 0, postedBlock: 2n, terms })
  })

  test('ignores the events of a job whose posting was not seen', () => {
    expect(foldEvent(undefined, assigned)).toBeUndefined()
  })

  test('fixes workers and beacon at the assignment', () => {
    const view = viewAfter(event('Volunteered', { worker: account('1') }), assigned)
    expect(view).toMatchObject({ phase: 'running', workers, active: [0, 1, 2], beaconHeight: 9n })
    expect(view.volunteers).toEqual([account('1')])
  })

  test('lowers addresses, which the chain tells in mixed case', () => {
    const mixed = '0xABCDEF0000000000000000000000000000000001'
    const view = viewAfter(event('Volunteered', { worker: mixed }))
    expect(view.volunteers).toEqual([mixed.toLowerCase()])
  })

  test.each(['JobExpired', 'JobCancelled'] as const)('counts the refund of %s once', (ending) => {
    const payment = { postings: [], refundWei: 11n, burnedWei: 0n }
    const paid = event('PaymentDistributed', payment)
    const ended = event(ending, { refundWei: 11n })
    expect(viewAfter(paid, ended).refundedWei).toBe(11n)
    expect(viewAfter(ended, paid).refundedWei).toBe(11n)
  })

  test('waits for another panel after a redraw', () => {
    const view = viewAfter(
      assigned,
      event('EvaluationOpened', { attempt: 0, seedHeight: 20n }),
      event('EvaluatorsDrawn', { evaluators: [account('8')], commitDeadline: 99n }),
      event('RedrawOpened', { attempt: 0, panel: 1, seedHeight: 40n }),
    )
    expect(view).toMatchObject({ phase: 'submitted', seedHeight: 40n, evaluators: [account('8')] })
    expect(view.auditHeight).toBe(20n) // the steps stay those that the first panel had
    const drawn = event('EvaluatorsDrawn', { evaluators: [account('9')], commitDeadline: 199n })
    const again = foldEvent(view, drawn)
    expect(again).toMatchObject({ evaluators: [account('8'), account('9')], panelStart: 1 })
  })

  test('follows what workers committed in the ledger, until a new attempt starts', () => {
    const claim = { work: 3n | (7n << 32n) }
    const segment = { segmentId: hash('6'), segment: claim }
    const committed = event('SegmentCommitted', { worker: account('1'), ...segment })
    const requested = event('AttestationRequested', { seedHeight: 30 })
    const drawn = event('AttestersDrawn', { seats: [4n, 9n] })
    const attested = event('Attested', { seat: 9n, workers: 5 })
    const matured = event('SegmentMatured', { segmentId: hash('6'), seat: 130n, units: 12n })
    const events = [assigned, committed, requested, drawn, attested, matured]
    const view = viewAfter(...events)
    expect(view.ledger).toEqual({
      commitments: [{ worker: account('1'), segmentId: hash('6'), claim }],
      seedHeight: 30n,
      attesters: [4, 9],
      attested: [{ seat: 9, workers: 5 }],
      matured: [{ segmentId: hash('6'), units: 12 }],
      stateRequests: [],
    })
    expect(unitsOf(view.ledger, account('1'))).toBe(12)
    expect(unmatured(view.ledger, account('1'))).toEqual([])
    const again = foldEvent(view, requested)!
    expect(again.ledger).toMatchObject({ attesters: [], attested: [] })
    const restarted = foldEvent(view, event('AttemptStarted', { attempt: 1, activeMask: 3 }))
    expect(restarted!.ledger).toEqual(emptyLedger)
  })

  test('follows a request for a state to its ruling', () => {
    const requestId = hash('5')
    const place = { attempt: 0, segment: 2, step: 7 }
    const asked = { requestId, worker: account('1'), ...place, seedHeight: 30n }
    const view = viewAfter(
      assigned,
      event('StateRequested', asked),
      event('StateRequested', { ...asked, requestId: hash('4') }),
      event('StateAttestersDrawn', { requestId, seats: [4n, 9n], until: 130n }),
      event('StateAttested', { requestId, seat: 9n, isServed: false }),
    )
    const [request, other] = view.ledger.stateRequests
    expect(request).toMatchObject({ ...place, worker: account('1'), status: 'drawn' })
    expect(request).toMatchObject({ seats: [4, 9], untilTime: 130n, answered: [9] })
    expect(other).toMatchObject({ requestId: hash('4'), status: 'open', seedHeight: 30n })
    const statusAfter = (status: number) => {
      const moved = foldEvent(view, event('StateRequestMoved', { requestId, status }))
      return moved?.ledger.stateRequests[0]?.status
    }
    const words = ['withheld', 'served', 'fetched', 'forfeited', 'unanswered']
    expect([3, 4, 5, 6, 7].map(statusAfter)).toEqual(words)
  })

  test('forgets results, evaluators and verdicts when a new attempt starts', () => {
    const view = viewAfter(
      assigned,
      event('ResultSubmitted', { attempt: 0, worker: workers[0], result }),
      event('EvaluationOpened', { attempt: 0, seedHeight: 20n }),
      event('EvaluatorsDrawn', { evaluators: [account('8')], commitDeadline: 99n }),
      event('VerdictCommitted', { evaluator: account('8') }),
      event('VerdictRevealed', { evaluator: account('8'), verdict: { ...verdict, guiltyMask: 4 } }),
      event('WorkersSlashed', { workers: [workers[2]], amountsWei: [7n] }),
      event('AttemptStarted', { attempt: 1, activeMask: 0b011 }),
    )
    expect(view).toMatchObject({ phase: 'running', attempt: 1, active: [0, 1] })
    expect(view).toMatchObject({ results: [], evaluators: [], committed: [], revealed: [] })
    expect(view.seedHeight).toBeUndefined()
    expect(view.auditHeight).toBeUndefined()
    expect(view.slashes).toEqual([{ attempt: 0, account: workers[2], amountWei: 7n }])
  })

  test('names the verdict that was accepted, and the block', () => {
    const view = viewAfter(
      assigned,
      event('VerdictRevealed', {
        evaluator: account('8'),
        verdict: { ...verdict, modelHash: hash('9') },
      }),
      event('VerdictRevealed', { evaluator: account('9'), verdict }),
      event('JobCompleted', { modelHash: verdict.modelHash, modelCidDigest: hash('f') }, 31n),
    )
    expect(view).toMatchObject({ phase: 'completed', completedBlock: 31n, verdict })
  })

  test.each(['first', 'last'])(
    'names what most said, where one that is called lazy came %s',
    (place) => {
      const said = { ...verdict, lazyMask: 1 }
      const reveal = (key: string, one: object) =>
        event('VerdictRevealed', { evaluator: account(key), verdict: one })
      const honest = [reveal('8', said), reveal('9', said)]
      const lazy = reveal('7', verdict)
      const view = viewAfter(
        assigned,
        ...(place === 'first' ? [lazy, ...honest] : [...honest, lazy]),
        event('JobCompleted', {
          modelHash: verdict.modelHash,
          modelCidDigest: verdict.modelCidDigest,
        }),
      )
      expect(view.verdict).toEqual(said)
    },
  )

  test('adds up payouts, refunds and burns over several payments', () => {
    const pay = { postings: [postingOf(workers[0]!, 5n)], refundWei: 2n, burnedWei: 1n }
    const view = viewAfter(
      assigned,
      event('PaymentDistributed', pay),
      event('PaymentDistributed', pay),
    )
    const payout = { account: workers[0], amountWei: 5_000_000_000n }
    expect(view.payouts).toEqual([payout, payout])
    expect([view.refundedWei, view.burnedWei]).toEqual([4n, 2n])
  })

  test('follows a job in which everybody agrees, from its opening to its end in three events', () => {
    const opened = { terms: packTerms(terms), beaconHeight: 9n, workers }
    const { modelHash, modelCidDigest } = result
    const roots = ['2', '3', '4'].map((digit) => ({
      segmentsRoot: hash(digit),
      transcriptCidDigest: hash('9'),
    }))
    const stage = (0b111n << 32n) | (20n << 64n)
    const submitted = { stage, modelHash, modelCidDigest, roots }
    const paid = [...workers, account('8'), account('9')].map((one) => postingOf(one, 3n))
    const agreed = {
      verdict,
      heldOutKey: hash('7'),
      burnedWei: 5n,
      postings: [...paid, postingOf(terms.client, 4n, 0n)],
    }
    let view = foldEvent(undefined, event('JobOpened', opened, 2n))
    expect(view).toMatchObject({ phase: 'running', postedBlock: 2n, workers, active: [0, 1, 2] })
    expect(view).toMatchObject({ terms, client: terms.client, beaconHeight: 9n })
    view = foldEvent(view, event('ResultsSubmitted', submitted, 3n))
    expect(view).toMatchObject({ phase: 'submitted', auditHeight: 20n, seedHeight: 20n })
    expect(view?.results.map(({ worker }) => worker)).toEqual(workers)
    expect(view?.results[1]).toEqual({ worker: workers[1], modelHash, modelCidDigest, ...roots[1] })
    view = foldEvent(view, event('JobAgreed', agreed, 31n))
    expect(view).toMatchObject({ phase: 'settled', completedBlock: 31n, verdict, burnedWei: 5n })
    expect(view).toMatchObject({ heldOutKey: hash('7'), refundedWei: 4_000_000_000n })
    expect(view?.evaluators).toEqual([account('8'), account('9')])
    expect(view?.revealed.map(({ evaluator }) => evaluator)).toEqual(view?.evaluators)
    expect(view?.payouts).toHaveLength(5)
  })

  test('lists a closed round by worker index, each with its newest update', () => {
    const present = (worker: string, updateRoot: string) =>
      event('RoundUpdatePresented', {
        attempt: 0,
        round: 3,
        worker,
        updateRoot,
        cidDigest: hash('1'),
      })
    const view = viewAfter(
      assigned,
      present(workers[2]!, hash('2')),
      present(workers[0]!, hash('3')),
      event('RoundClosed', { attempt: 0, round: 3, mask: 0b101 }),
    )
    const [closed] = view.closedRounds
    expect(closed?.updates.map(({ worker }) => worker)).toEqual([workers[0], workers[2]])
  })
})
