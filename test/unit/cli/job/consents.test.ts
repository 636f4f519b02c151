import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Terms } from '#chain/client/terms.ts'
import { gatherConsents } from '#cli/job/consents.ts'
import type { Network, RequestHandler } from '#p2p/network.ts'
import type { Hex } from '#wire/primitives.ts'
import { segmentsPerWorker } from '#wire/spec.ts'
import { createConsents } from '#worker/consents.ts'
import type { Policy } from '#worker/policy.ts'
import {
  artifactsOf,
  engineId,
  recordingChain,
  sampleSpec,
  stillFeed,
} from '#test/unit/worker/fakes.ts'
import { samplePolicy, sampleTerms } from '#test/unit/worker/terms.ts'

const policy = samplePolicy()
const place = { chainId: 78_787, jobManager: `0x${'05'.repeat(20)}` as const }
const { spec, specDigest, bytes } = sampleSpec()
const segmentCount = segmentsPerWorker(spec.train)
const feed = stillFeed([], { number: 10n, timestamp: 1_000n })
const ownerOf = (index: number): Hex => `0x${`a${index}`.repeat(20)}`
const keyOf = (index: number) => privateKeyToAccount(`0x${`1${index}`.repeat(32)}`)
const chain = recordingChain({ accountOf: { activeGwei: 10n ** 13n, lockedGwei: 0n } }).chain

interface Machine {
  readonly policy?: Partial<Policy>
  /** Jobs at work; a function is asked each time. */
  readonly busy?: () => number
  /** Whose name it signs in, when not in its own. */
  readonly impostor?: Hex
}

/** Workers' real answers behind a network in memory, and what asks them. */
async function market(machines: readonly Machine[], given: Partial<Terms> = {}) {
  const handlers = new Map<string, RequestHandler>()
  const asked: string[] = []
  for (const [i, machine] of machines.entries()) {
    const handle: Network['handle'] = async (_protocol, serve) => {
      handlers.set(`peer-${i}`, serve)
      return async () => undefined
    }
    const artifacts = artifactsOf(bytes)
    const deps = { network: { handle }, feed, chain, account: keyOf(i), artifacts, log: noopLogger }
    const self = machine.impostor ?? ownerOf(i)
    const busy = machine.busy ?? (() => 0)
    const taste = { ...policy, ...machine.policy }
    await createConsents(deps, { self, policy: taste, engineId, signing: place, busy }).start()
  }
  const network: Pick<Network, 'request'> = {
    async request(peerId, _protocol, body) {
      asked.push(peerId)
      const handler = handlers.get(peerId)
      if (handler === undefined) throw new AppError({ code: 'PEER_UNREACHABLE' })
      return handler(body, 'client', AbortSignal.timeout(5_000)).catch((error: unknown) => {
        throw new AppError({ code: 'PEER_REFUSED', reason: codeOf(error) })
      })
    },
  }
  const entryOf: Registry['entryOf'] = async (owner) => {
    const index = machines.findIndex((_, i) => ownerOf(i) === owner)
    const operator = keyOf(index).address.toLowerCase() as Hex
    return { owner, operator, isWorker: true, isEvaluator: false, x25519Key: '0x', peerId: '' }
  }
  const clock = createFakeClock()
  const deps = { network, registry: { entryOf, ownerOf: async () => undefined }, feed, clock }
  const terms = sampleTerms({ engineId, specDigest, segmentCount, matchMode: 1, ...given })
  const all = machines.map((_, i) => ({ owner: ownerOf(i), peerId: `peer-${i}` }))

  async function gather(candidates = all) {
    let result: Promise<unknown> | undefined
    const signal = AbortSignal.timeout(5_000)
    const options = { place, wanted: terms.workerCount, timeoutMs: 10_000, signal }
    const gathering = gatherConsents(deps, terms, {
      ...options,
      candidates: async () => candidates,
    })
    result = gathering.catch(() => undefined).finally(() => (result = undefined))
    while (result !== undefined) {
      await clock.advance(1_000)
      await new Promise((resolve) => setImmediate(resolve)) // signing leaves the microtask queue
    }
    return (await gathering).map(({ owner }) => owner)
  }
  return { gather, asked, all }
}

describe('gatherConsents', () => {
  test.each([1, 2])('takes signatures in the order of candidates (mode %i)', async (matchMode) => {
    const { gather, all, asked } = await market([{}, {}, {}, {}], { matchMode })
    expect(await gather(all.toReversed())).toEqual([3, 2, 1].map(ownerOf))
    expect(asked.toSorted()).toEqual(['peer-1', 'peer-2', 'peer-3'])
  })

  test('asks the next one where one refuses', async () => {
    const { gather } = await market([{}, { policy: { kinds: [2] } }, {}, {}])
    expect(await gather()).toEqual([0, 2, 3].map(ownerOf))
  })

  test('asks a busy worker again until it is free', async () => {
    let left = 3
    const { gather } = await market([{}, {}, { busy: () => ((left -= 1) > 0 ? 1 : 0) }])
    expect(await gather()).toEqual([0, 1, 2].map(ownerOf))
  })

  test('goes on with as many as the terms need when the time is over', async () => {
    const { gather } = await market([{}, {}, { busy: () => 1 }])
    expect(await gather()).toEqual([0, 1].map(ownerOf))
  })

  test('CONSENT_MISSING with each reason when too few have signed', async () => {
    const { gather, all } = await market([{}, { policy: { pricePerTeraflopWei: 10n ** 30n } }])
    const missing = await gather([...all, { owner: ownerOf(7), peerId: 'peer-7' }]).catch((e) => e)
    expect(missing).toMatchObject({ code: 'CONSENT_MISSING' })
    expect(missing.fields).toMatchObject({
      signed: 1,
      needed: 2,
      refusals: { [ownerOf(1)]: 'PRICE', [ownerOf(7)]: 'PEER_UNREACHABLE' },
    })
    expect(missing.message).toContain('no escrow was taken')
  })

  test('a named worker that refuses for good ends the asking at once', async () => {
    const terms = { matchMode: 2, workerCount: 2, workerCountMin: 2 }
    const { gather, asked } = await market([{ busy: () => 1 }, { policy: { kinds: [] } }], terms)
    await expect(gather()).rejects.toMatchObject({ code: 'CONSENT_MISSING' })
    expect(asked).toEqual(['peer-0', 'peer-1'])
  })

  test('a signature in the name of somebody else does not count', async () => {
    const { gather } = await market([{ impostor: ownerOf(1) }], {
      workerCount: 1,
      workerCountMin: 1,
    })
    const missing = await gather().catch((e) => e)
    expect(missing.fields.refusals).toEqual({ [ownerOf(0)]: 'CONSENT_INVALID' })
  })
})
