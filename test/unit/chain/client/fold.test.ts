import { describe, expect, test } from 'vitest'
import { foldEvent } from '#chain/client/fold.ts'
import { account, event, hash, jobId, terms, verdict, viewAfter } from './jobs.ts'

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
    const payment = { accounts: [], amountsWei: [], refundWei: 11n, burnedWei: 0n }
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
    const drawn = event('EvaluatorsDrawn', { evaluators: [account('9')], commitDeadline: 199n })
    const again = foldEvent(view, drawn)
    expect(again).toMatchObject({ evaluators: [account('8'), account('9')], panelStart: 1 })
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

  test('adds up payouts, refunds and burns over several payments', () => {
    const pay = { accounts: [workers[0]], amountsWei: [5n], refundWei: 2n, burnedWei: 1n }
    const view = viewAfter(
      assigned,
      event('PaymentDistributed', pay),
      event('PaymentDistributed', pay),
    )
    expect(view.payouts).toHaveLength(2)
    expect([view.refundedWei, view.burnedWei]).toEqual([4n, 2n])
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
