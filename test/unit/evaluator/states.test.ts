import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import { noopLogger } from '#base/log.ts'
import { type StateRequest, emptyLedger } from '#chain/client/ledger-view.ts'
import type { JobView } from '#chain/client/view.ts'
import { realClock } from '#cli/real-clock.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { type StatesDeps, createStatesDesk, findState } from '#evaluator/states.ts'
import type { Artifacts } from '#p2p/network.ts'
import { createFiles } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import { openBench } from './bench.ts'
import { type Case, placeOf, redraw, serve } from './case.ts'
import { type OneJobFeed, feedOf, registry, topicOf } from './stubs.ts'

const { world, hub, honest } = await openBench()
const seat = 3
const own: Hex = `0x${'d1'.repeat(20)}`
const never = new AbortController().signal

interface Asked {
  readonly made: Case
  readonly step: DrawnStep
  readonly view: JobView
  readonly request: StateRequest
}

/** A request for the state before the first drawn local step, of a case of its own. */
function asked(): Asked {
  const made = redraw(honest, (drawn) => drawn.some(({ kind }) => kind === 'local'))
  const step = made.drawn.find(({ kind }) => kind === 'local') as DrawnStep
  const { worker, segment } = step
  const request: StateRequest = {
    requestId: `0x${'20'.repeat(32)}`,
    attempt: 0,
    worker,
    segment,
    step: step.step,
    seedHeight: 12n,
    status: 'drawn',
    seats: [seat, 9],
    untilTime: 100n,
    answered: [],
  }
  const { view } = placeOf(made)
  const ledger = { ...emptyLedger, stateRequests: [request] }
  return { made, step, request, view: { ...view, phase: 'attesting', ledger } }
}

/** The answers are due when it has begun to look so often. */
async function depsOf({ made, view }: Asked, timestamp: bigint, looks = Infinity) {
  const sent: unknown[][] = []
  const account = {
    address: own,
    read: async <T>() => [BigInt(seat), { stakeGwei: 0n }] as T,
    send: async (_contract: unknown, call: string, args: readonly unknown[] = []) => {
      sent.push([call, ...args])
      return { hash: '0x', blockNumber: 1n, gasUsed: 1n } as const
    },
  }
  const feed: OneJobFeed = feedOf(made, view, timestamp)
  let looked = 0
  const sync = async () => {
    looked += 1
    if (looked === looks) feed.move(92n)
  }
  const deps: StatesDeps = {
    feed,
    accounts: [account],
    registry,
    topics: { open: async () => ({ ...topicOf(made, own), sync }) },
    artifacts: hub.held[1] as Artifacts,
    files: createFiles(await world.directory()),
    clock: realClock,
    log: noopLogger,
  }
  return { deps, sent, feed }
}

describe('findState', () => {
  test('finds a state that the worker serves', async () => {
    const one = asked()
    await serve(one.made, one.step)
    const { deps } = await depsOf(one, 10n)
    expect(await findState(deps, { ...one, signal: never })).toBe(true)
  })

  test('does not find what nobody serves, and stops before the answers are due', async () => {
    const one = asked()
    const { deps } = await depsOf(one, 10n, 1)
    expect(await findState(deps, { ...one, signal: never })).toBe(false)
  })

  test('says nothing where it had no time to look', async () => {
    const one = asked()
    const late = await depsOf(one, 92n)
    expect(await findState(late.deps, { ...one, signal: never })).toBeUndefined()
    // The transcript that says which state it is did not come: its worker may still serve it to others.
    const lost = toHex(sha256(Uint8Array.of(7)))
    const results = one.made.results.map((result) => ({ ...result, transcriptCidDigest: lost }))
    const { deps, feed, sent } = await depsOf(one, 10n)
    const view = { ...one.view, results }
    const finding = findState(deps, { ...one, view, signal: never })
    setTimeout(() => feed.move(92n), 300)
    expect(await finding).toBeUndefined()
    const desk = createStatesDesk(late.deps, never)
    await desk.tend(one.view)
    await desk.ended()
    expect([late.sent, sent]).toEqual([[], []])
  })

  test.each<[string, (one: Asked) => Promise<string>]>([
    [
      'a file that is no state',
      async () => {
        const path = join(await world.directory(), 'junk')
        await writeFile(path, 'no state')
        return path
      },
    ],
    ['another state', async ({ made, step }) => made.arena.finalState(step.worker)],
  ])('does not take %s for it', async (_name, pathOf) => {
    const one = asked()
    await serve(one.made, one.step, await pathOf(one))
    const { deps } = await depsOf(one, 10n, 2)
    expect(await findState(deps, { ...one, signal: never })).toBe(false)
  })
})

describe('createStatesDesk', () => {
  test('answers once for an account that was drawn', async () => {
    const one = asked()
    await serve(one.made, one.step)
    const { deps, sent } = await depsOf(one, 10n)
    const desk = createStatesDesk(deps, never)
    await desk.tend(one.view)
    await desk.tend(one.view)
    await desk.ended()
    expect(sent).toEqual([['attestState', one.request.requestId, true]])
  })

  test.each<[string, Partial<StateRequest>]>([
    ['that was not drawn', { seats: [9] }],
    ['that has answered', { answered: [seat] }],
  ])('says nothing for an account %s', async (_name, change) => {
    const one = asked()
    const ledger = { ...emptyLedger, stateRequests: [{ ...one.request, ...change }] }
    const { deps, sent } = await depsOf(one, 10n)
    const desk = createStatesDesk(deps, never)
    await desk.tend({ ...one.view, ledger })
    await desk.ended()
    expect(sent).toEqual([])
  })

  test('a refused word is no failure, and what was fetched is let go when the job is over', async () => {
    const one = asked()
    await serve(one.made, one.step)
    const { deps } = await depsOf(one, 10n)
    const [account] = deps.accounts
    const refusing = async () => Promise.reject(new AppError({ code: 'REVERTED' }))
    const released: string[] = []
    const artifacts = {
      ...deps.artifacts,
      unpinOwner: async (owner: string) => void released.push(owner),
    }
    const accounts = [{ ...(account as (typeof deps.accounts)[0]), send: refusing }]
    const desk = createStatesDesk({ ...deps, artifacts, accounts }, never)
    await desk.tend(one.view)
    await desk.ended()
    await desk.tend({ ...one.view, phase: 'settled' })
    expect(released).toEqual([`states:${one.view.jobId}`])
  })
})
