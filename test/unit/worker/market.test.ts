import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { noopLogger } from '#base/log.ts'
import { encodeTerms, jobIdOf, type Terms } from '#chain/client/terms.ts'
import { signerOf } from '#chain/client/typed.ts'
import type { JobView } from '#chain/client/view.ts'
import type { RequestHandler } from '#p2p/network.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { consentProtocol, consentSchema } from '#wire/consent.ts'
import type { Hex } from '#wire/primitives.ts'
import { segmentsPerWorker } from '#wire/spec.ts'
import { createConsents } from '#worker/consents.ts'
import { createKeeper } from '#worker/keeper.ts'
import { createVolunteering } from '#worker/volunteering.ts'
import { artifactsOf, engineId, recordingChain, sampleSpec, stillFeed } from './fakes.ts'
import { samplePolicy, sampleTerms, sampleView } from './terms.ts'

const self: Hex = `0x${'a1'.repeat(20)}`
const stranger: Hex = `0x${'b2'.repeat(20)}`
const policy = samplePolicy()
const { spec, specDigest, bytes } = sampleSpec()
const segmentCount = segmentsPerWorker(spec.train)
const goodTerms = sampleTerms({ engineId, specDigest, segmentCount })
const rich = { accountOf: { activeGwei: 10n ** 13n, lockedGwei: 0n } }
const head = { number: 10n, timestamp: 1_000n }
const log = noopLogger

function jobOf(byte: string, terms: Partial<Terms> = {}, view: Partial<JobView> = {}): JobView {
  return sampleView({ jobId: `0x${byte.repeat(32)}`, terms: { ...goodTerms, ...terms }, ...view })
}

async function volunteered(
  views: readonly JobView[],
  options: { busy?: number; twice?: boolean } = {},
) {
  const { chain, sent } = recordingChain(rich)
  const feed = stillFeed(views, head)
  const market = { self, policy, engineId, busy: () => options.busy ?? 0 }
  const volunteering = createVolunteering(
    { feed, chain, artifacts: artifactsOf(bytes), log },
    market,
  )
  await volunteering.look(head, AbortSignal.timeout(5_000))
  if (options.twice) await volunteering.look(head, AbortSignal.timeout(5_000))
  return sent.map(({ call, args }) => [call, (args[0] as Terms).nonce])
}

describe('createVolunteering', () => {
  test('volunteers for one job within its concurrency, and only once', async () => {
    const views = [jobOf('01', { nonce: 1n }), jobOf('02', { nonce: 2n })]
    expect(await volunteered(views)).toEqual([['volunteer', 1n]])
    expect(await volunteered(views.slice(0, 1), { twice: true })).toEqual([['volunteer', 1n]])
    expect(await volunteered(views, { busy: 1 })).toEqual([])
  })

  const three = ['01', '02', '03'].map((byte) => jobOf(byte, { nonce: BigInt(Number(byte)) }))

  test('sends for all jobs before it hears of the first', async () => {
    const { chain, sent } = recordingChain(rich)
    const all = Promise.withResolvers<void>()
    const send: typeof chain.send = async (...call) => {
      const done = await chain.send(...call)
      if (sent.length === three.length) all.resolve()
      await all.promise // a block that has none of the others never comes
      return done
    }
    const market = { self, policy: samplePolicy({ concurrency: 5 }), engineId, busy: () => 0 }
    const deps = { feed: stillFeed(three, head), artifacts: artifactsOf(bytes), log }
    const volunteering = createVolunteering({ ...deps, chain: { ...chain, send } }, market)
    await volunteering.look(head, AbortSignal.timeout(60_000))
    expect(sent).toHaveLength(three.length)
  })

  test.each([
    ['places', { concurrency: 2 }, rich],
    [
      'stake',
      { concurrency: 5 },
      { accountOf: { activeGwei: 21n * 10n ** 9n, lockedGwei: 10n ** 9n } },
    ],
  ])('takes at one look no more jobs than it has %s for', async (_what, changes, answers) => {
    const { chain, sent } = recordingChain(answers)
    const market = { self, policy: samplePolicy(changes), engineId, busy: () => 0 }
    const deps = { feed: stillFeed(three, head), artifacts: artifactsOf(bytes), chain, log }
    await createVolunteering(deps, market).look(head, AbortSignal.timeout(60_000))
    expect(sent).toHaveLength(2)
  })

  test.each<[string, JobView]>([
    ['that is under way', jobOf('01', {}, { phase: 'running' })],
    ['that has its volunteer', jobOf('01', {}, { volunteers: [self] })],
    ['of offers', jobOf('01', { matchMode: 1 })],
    ['of another kind', jobOf('01', { kind: 2 })],
    ['whose specification is missing', jobOf('01', { specDigest: `0x${'77'.repeat(32)}` })],
    ['whose segments are not those of the terms', jobOf('01', { segmentCount: segmentCount + 1 })],
  ])('leaves a job %s', async (_title, view) => {
    expect(await volunteered([view])).toEqual([])
  })
})

describe('createConsents', () => {
  const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
  const signing = { chainId: 78_787, jobManager: `0x${'05'.repeat(20)}` as const }

  async function serve(changes: { busy?: number } = {}) {
    let handler: RequestHandler | undefined
    const { chain } = recordingChain(rich)
    const handle = async (protocol: string, serving: RequestHandler) => {
      expect(protocol).toBe(consentProtocol)
      handler = serving
      return async () => undefined
    }
    const deps = { network: { handle }, feed: stillFeed([], head), chain, account, log }
    const market = { self, policy, engineId, signing, busy: () => changes.busy ?? 0 }
    const consents = createConsents({ ...deps, artifacts: artifactsOf(bytes) }, market)
    await consents.start()
    const ask = async (terms: Terms) => {
      const request = canonicalBytes({ terms: encodeTerms(terms) })
      const answer = await handler!(request, 'peer', AbortSignal.timeout(5_000))
      return consentSchema.parse(parseJson(answer))
    }
    return {
      ask,
      consents,
      raw: (body: Uint8Array) => handler!(body, 'peer', AbortSignal.timeout(5_000)),
    }
  }

  test.each([
    ['Offer', 1],
    ['Acceptance', 2],
  ] as const)('signs an %s that the contract accepts', async (type, matchMode) => {
    const { ask, consents } = await serve()
    const terms = { ...goodTerms, matchMode }
    const { owner, operator, validUntil, signature } = await ask(terms)
    expect({ owner, operator, validUntil }).toEqual({
      owner: self,
      operator: account.address.toLowerCase(),
      validUntil: 1_120,
    })
    const jobId = jobIdOf(terms, signing)
    const message = { jobId, worker: self, validUntil: BigInt(validUntil) }
    expect(await signerOf(signing, { type, message }, signature)).toBe(operator)
    expect(consents.open()).toBe(1)
  })

  test.each<[string, Partial<Terms>]>([
    ['MATCH', { matchMode: 0 }],
    ['KIND', { kind: 0 }],
    ['SPEC_INVALID', { segmentCount: 1 }],
  ])('%s: gives no word', async (code, terms) => {
    const { ask, consents } = await serve()
    await expect(ask({ ...goodTerms, matchMode: 1, ...terms })).rejects.toMatchObject({ code })
    expect(consents.open()).toBe(0)
  })

  test('BUSY while another job is worked on', async () => {
    const { ask } = await serve({ busy: 1 })
    await expect(ask({ ...goodTerms, matchMode: 1 })).rejects.toMatchObject({ code: 'BUSY' })
  })

  test('REQUEST_INVALID and TERMS_INVALID', async () => {
    const { raw } = await serve()
    const invalid = { code: 'REQUEST_INVALID' }
    await expect(raw(canonicalBytes({ term: '0x' }))).rejects.toMatchObject(invalid)
    const short = canonicalBytes({ terms: '0x1234' })
    await expect(raw(short)).rejects.toMatchObject({ code: 'TERMS_INVALID' })
  })
})

describe('createKeeper', () => {
  const stored = { status: 2, volunteerCount: 3, deadline: 500n, seedHeight: 5n }
  const workers = [stranger, self]

  async function tend(
    view: JobView,
    heights: readonly number[],
    refuse: Record<string, string> = {},
  ) {
    const { chain, sent } = recordingChain({ jobState: stored }, refuse)
    const keeper = createKeeper({ feed: stillFeed([view], head), chain, self, log })
    for (const height of heights) await keeper.tend({ number: BigInt(height), timestamp: 1_000n })
    return sent.map(({ call }) => call)
  }

  test('waits its turn, then sends what is due, and not at every block', async () => {
    const view = jobOf('01', {}, { phase: 'running', workers })
    expect(await tend(view, [10, 11])).toEqual([])
    expect(await tend(view, [10, 11, 12])).toEqual(['expire'])
    expect(await tend(view, [10, 12, 13, 14, 15])).toEqual(['expire'])
    expect(await tend(view, [10, 12, 19], { expire: 'TooEarly' })).toEqual(['expire', 'expire'])
  })

  test('leaves the jobs of others alone', async () => {
    const view = jobOf('01', {}, { phase: 'running', workers: [stranger] })
    expect(await tend(view, [10, 20, 30])).toEqual([])
  })
})
