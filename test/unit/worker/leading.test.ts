import { encodeFunctionData, size } from 'viem'
import { describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { noopLogger } from '#base/log.ts'
import { emptyLedger } from '#chain/client/ledger-view.ts'
import { packTerms } from '#chain/client/terms.ts'
import { claimsOf } from '#compute/train/claims.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, SegmentRecord, Transcript } from '#wire/segment.ts'
import { type SegmentClaim, segmentNumber } from '#wire/segment-claim.ts'
import { createLeading } from '#worker/leading.ts'
import { recordingChain, sampleSpec } from './fakes.ts'
import { sampleView } from './terms.ts'

const self: Hex = `0x${'a1'.repeat(20)}`
const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const jobId = hash('0b')
const beacon = hash('be')
const { spec } = sampleSpec()
const leaf: Leaf = { p: hash('01'), m: hash('02'), v: hash('03'), step: 1, transcript: hash('04') }

function recordOf(segment: number): SegmentRecord {
  const rounds = [{ round: segment, listHash: hash('05'), steps: [leaf], aggregated: leaf }]
  const roots = { inputRoot: hash('06'), outputRoot: hash('07'), stepRoot: hash('08') }
  const place = { version: 1 as const, jobId, attempt: 0, worker: self, segment }
  return { ...place, input: leaf, rounds, ...roots, flops: segment === 3 ? 0 : 1_000 + segment }
}

const records = Array.from({ length: 20 }, (_, i) => recordOf(i))
const transcript: Transcript = { version: 1, jobId, attempt: 0, worker: self, records, rounds: [] }
const place = { chainId: 1, jobId, attempt: 0, beacon, self, active: [self] }
const work = { view: sampleView({ jobId }), spec, place, transcript }
const claims = claimsOf({ jobId, spec, beacon }, records).filter((_, i) => i !== 3)

describe('createLeading', () => {
  test('commits the segments it worked in, sixteen at a time', async () => {
    const { chain, sent } = recordingChain({})
    expect(await createLeading({ chain, log: noopLogger }).commit(work)).toBe(19)
    expect(sent).toEqual([
      { call: 'commitSegments', args: [work.view.terms, claims.slice(0, 16)] },
      { call: 'commitSegments', args: [work.view.terms, claims.slice(16)] },
    ])
  })

  test('an undisputed segment takes at most 200 bytes of the chain', () => {
    const terms = packTerms(work.view.terms)
    const bytesOf = (count: number) => {
      const args = [terms, claims.slice(0, count)] as const
      return size(encodeFunctionData({ abi: workLedgerAbi, functionName: 'commitSegments', args }))
    }
    expect(bytesOf(16) - bytesOf(15)).toBeLessThanOrEqual(200)
  })

  test('leaves out what a process before it committed', async () => {
    const { chain, sent } = recordingChain({})
    const [claim] = claims
    const commitments = [{ worker: self, segmentId: hash('09'), claim: claim! }]
    const view = { ...work.view, ledger: { ...emptyLedger, commitments } }
    expect(await createLeading({ chain, log: noopLogger }).commit({ ...work, view })).toBe(18)
    const numbers = (sent[0]!.args[1] as SegmentClaim[]).map(segmentNumber)
    expect(numbers.slice(0, 3)).toEqual([1, 2, 4])
  })

  test('lies about every segment where it is told to', async () => {
    const { chain, sent } = recordingChain({})
    await createLeading({ chain, log: noopLogger }, { misbehave: 'false-claims' }).commit(work)
    const [first] = sent[0]!.args[1] as SegmentClaim[]
    expect(first).not.toEqual(claims[0])
  })

  test('sends nothing for tolerant jobs', async () => {
    const { chain, sent } = recordingChain({})
    const view = { ...work.view, terms: { ...work.view.terms, mode: 1 } }
    expect(await createLeading({ chain, log: noopLogger }).commit({ ...work, view })).toBe(0)
    expect(sent).toEqual([])
  })

  test.each([
    ['NoSeat', ['info', 'debug', 'debug']],
    ['WindowClosed', ['warn', 'warn', 'warn']],
  ])('never fails: %s', async (reason, expected) => {
    const { chain } = recordingChain({}, { commitSegments: reason })
    const levels: string[] = []
    const log = logInto(levels)
    const leading = createLeading({ chain, log })
    for (let i = 0; i < 3; i += 1) expect(await leading.commit(work)).toBe(0)
    expect(levels).toEqual(expected)
  })

  test('goes on where the chain has no ledger', async () => {
    const failing = { send: () => Promise.reject(new AppError({ code: 'CONTRACT_MISSING' })) }
    const levels: string[] = []
    await createLeading({ chain: failing, log: logInto(levels) }).commit(work)
    expect(levels).toEqual(['info'])
  })
})

function logInto(levels: string[]): Logger {
  const at = (level: string) => () => void levels.push(level)
  const all = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { ...noopLogger, ...all }
}
