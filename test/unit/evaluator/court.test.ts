import { describe, expect, test } from 'vitest'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { type StateRequest, emptyLedger } from '#chain/client/ledger-view.ts'
import type { JobView } from '#chain/client/view.ts'
import { createCourt } from '#evaluator/court.ts'
import type { Hex } from '#wire/primitives.ts'

const jobId: Hex = `0x${'10'.repeat(32)}`
const owner: Hex = `0x${'e1'.repeat(20)}`
const worker: Hex = `0x${'a1'.repeat(20)}`
const step = { worker, segment: 2, step: 7 }
const terms = { client: owner }
const request: StateRequest = {
  requestId: `0x${'20'.repeat(32)}`,
  attempt: 1,
  ...step,
  seedHeight: 12n,
  status: 'open',
  seats: [],
  untilTime: 0n,
  answered: [],
}

/** A court whose chain is set by hand; half a minute passes between two looks. */
function sitting(options: { refusal?: AppError } = {}) {
  const sent: unknown[][] = []
  let stateRequests: readonly StateRequest[] = []
  let head = { number: 10n, timestamp: 100n }
  let nowMs = 0
  const view = { jobId, attempt: 1, terms, ledger: emptyLedger } as unknown as JobView
  const clock: Clock = { nowMs: () => nowMs, sleep: async () => undefined }
  const court = createCourt(
    {
      feed: {
        head: () => head,
        job: () => ({ ...view, ledger: { ...emptyLedger, stateRequests } }),
      },
      chain: {
        send: async (contract, call, args = [], { valueWei } = {}) => {
          if (options.refusal) throw options.refusal
          sent.push([contract, call, args, valueWei])
          return { hash: '0x', blockNumber: 1n, gasUsed: 1n }
        },
      },
      clock,
      log: noopLogger,
    },
    { view, owner },
  )
  return {
    court,
    sent,
    async look() {
      await court.look(step) // takes its turn
      nowMs += 30_000
      return court.look(step)
    },
    async tend() {
      await court.tend() // takes its turn
      nowMs += 30_000
      await court.tend()
    },
    set(change: Partial<StateRequest>, next: Partial<typeof head> = {}) {
      stateRequests = [{ ...request, ...change }]
      head = { ...head, ...next }
    },
  }
}

describe('createCourt', () => {
  test('opens a request with its bond, once its turn has come', async () => {
    const { look, sent } = sitting()
    expect(await look()).toBe('open')
    expect(sent).toEqual([['WorkLedger', 'requestState', [terms, worker, 2, 7], 10n ** 16n]])
  })

  test('draws once the seed is there, closes once all have answered or may no longer', async () => {
    const { look, sent, set } = sitting()
    set({}, { number: 12n })
    await look()
    expect(sent).toEqual([])
    set({}, { number: 13n })
    await look()
    expect(sent.pop()).toEqual(['WorkLedger', 'drawStateAttesters', [request.requestId], undefined])
    set({ status: 'drawn', seats: [1, 2], answered: [1], untilTime: 130n })
    await look()
    expect(sent).toEqual([])
    set({ status: 'drawn', seats: [1, 2], answered: [1, 2], untilTime: 130n })
    expect(await look()).toBe('open')
    expect(sent.pop()?.[1]).toBe('closeStateRequest')
    set({ status: 'drawn', seats: [1, 2], answered: [], untilTime: 130n }, { timestamp: 131n })
    await look()
    expect(sent.pop()?.[1]).toBe('closeStateRequest')
  })

  test.each([
    ['withheld', 'withheld'],
    ['served', 'served'],
    ['fetched', 'served'],
    ['forfeited', 'served'],
    ['unanswered', 'open'],
  ] as const)('a request that is %s rules %s', async (status, ruling) => {
    const { court, sent, set } = sitting()
    set({ status })
    expect(await court.look(step)).toBe(ruling)
    expect(court.isSitting()).toBe(false)
    expect(court.withheld().length).toBe(Number(status === 'withheld'))
    expect(sent).toEqual([])
  })

  test('requests of another attempt are none of its own', () => {
    const { court, set } = sitting()
    set({ attempt: 0, status: 'withheld' })
    expect(court.withheld()).toEqual([])
    set({ attempt: 0, status: 'open' })
    expect(court.isSitting()).toBe(false)
  })

  test('says once that a served state was fetched', async () => {
    const { court, sent, set } = sitting()
    await court.fetched(step)
    expect(sent).toEqual([])
    set({ status: 'served' })
    await court.fetched(step)
    await court.fetched(step)
    expect(sent).toEqual([['WorkLedger', 'confirmState', [request.requestId], undefined]])
  })

  test('what came before it was ruled to be served is confirmed when it is, and no request is left lying', async () => {
    const { court, sent, set, tend } = sitting()
    set({ status: 'drawn', seats: [1], untilTime: 130n })
    await court.fetched(step)
    await tend()
    expect(sent).toEqual([])
    set({ status: 'drawn', seats: [1], untilTime: 130n }, { timestamp: 131n })
    await tend()
    expect(sent.pop()?.[1]).toBe('closeStateRequest')
    set({ status: 'served' })
    await tend()
    await tend()
    expect(sent).toEqual([['WorkLedger', 'confirmState', [request.requestId], undefined]])
  })

  test('a call that another evaluator made first is refused without harm', async () => {
    const { look } = sitting({
      refusal: new AppError({ code: 'REVERTED', reason: 'WrongRequest' }),
    })
    expect(await look()).toBe('open')
  })
})
