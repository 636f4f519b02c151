import { describe, expect, test } from 'vitest'
import { zeroHash } from '#compute/train/commit.ts'
import { type JudgeFacts, judge, packSegments, unpackSegments } from '#evaluator/judge.ts'
import { type Finding, guiltyKinds, withheldKinds } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const workers = ['a1', 'b2', 'c3', 'd4'].map((byte): Hex => `0x${byte.repeat(20)}`)
const [first, second, third, fourth] = workers as [Hex, Hex, Hex, Hex]
const results = [second, third, fourth].map((worker, i) => ({
  worker,
  modelHash: hash('aa'),
  modelCidDigest: hash(`0${i + 1}`),
  segmentsRoot: hash('bb'),
  transcriptCidDigest: hash('cc'),
}))

/** Four workers; the first was removed earlier or kept silent. */
const clean: JudgeFacts = {
  workers,
  results,
  findings: [],
  lazy: [],
  credits: new Map([
    [second, 12],
    [third, 300],
    [fourth, 1],
  ]),
  metricMicros: 971_200n,
  evidenceDigest: zeroHash,
}

function named(findings: readonly Finding[]): JudgeFacts {
  return { ...clean, findings, evidenceDigest: hash('ee') }
}

describe('judge', () => {
  test('a clean attempt: the model, its metric, and credits by worker index', () => {
    expect(judge(clean)).toEqual({
      modelHash: hash('aa'),
      modelCidDigest: hash('01'),
      metricMicros: 971_200n,
      segments: packSegments([0, 12, 300, 1]),
      guiltyMask: 0,
      withheldMask: 0,
      lazyMask: 0,
      evidenceDigest: zeroHash,
    })
  })

  test.each(guiltyKinds)('%s is guilt, and the attempt has no model', (kind) => {
    expect(judge(named([{ kind, worker: third }]))).toEqual({
      modelHash: zeroHash,
      modelCidDigest: hash('01'),
      metricMicros: 0n,
      segments: 0n,
      guiltyMask: 0b0100,
      withheldMask: 0,
      lazyMask: 0,
      evidenceDigest: hash('ee'),
    })
  })

  test.each(withheldKinds)('%s is no guilt, but removes the worker', (kind) => {
    const verdict = judge(named([{ kind, worker: second }]))
    expect(verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b0010, segments: 0n })
    expect(verdict.modelCidDigest).toBe(hash('02')) // of the first submitter in neither mask
  })

  test('a liar that also withholds is guilty, in one mask only', () => {
    const findings: Finding[] = [
      { kind: 'stateWithheld', worker: third, segment: 0, step: 1 },
      { kind: 'step', worker: third, segment: 1, step: 2 },
      { kind: 'stateWithheld', worker: fourth, segment: 0, step: 1 },
    ]
    expect(judge(named(findings))).toMatchObject({ guiltyMask: 0b0100, withheldMask: 0b1000 })
  })

  test('without a submitter in neither mask there is no directory', () => {
    const findings = [second, third, fourth].map((worker) => ({ kind: 'step', worker }) as const)
    expect(judge(named(findings))).toMatchObject({ guiltyMask: 0b1110, modelCidDigest: zeroHash })
  })

  test('submitters that did no step count as one segment each, since somebody has to be paid', () => {
    expect(judge({ ...clean, credits: new Map() }).segments).toBe(packSegments([0, 1, 1, 1]))
  })

  test.each<[string, JudgeFacts]>([
    ['findings without evidence', { ...clean, findings: [{ kind: 'step', worker: second }] }],
    ['a finding about a stranger', named([{ kind: 'step', worker: `0x${'99'.repeat(20)}` }])],
    [
      'results that differ without a finding',
      { ...clean, results: results.map((result, i) => ({ ...result, modelHash: hash(`${i}a`) })) },
    ],
    ['no result', { ...clean, results: [] }],
  ])('is a defect: %s', (_name, facts) => {
    expect(() => judge(facts)).toThrow('assertion failed')
  })

  test('names workers by index, not by the order of results', () => {
    expect(judge(named([{ kind: 'step', worker: first }])).guiltyMask).toBe(1)
  })
})

describe('packSegments', () => {
  test('gives 16 bits to each worker, index 0 lowest', () => {
    expect(packSegments([1, 2, 65_535])).toBe(0xffff_0002_0001n)
    expect(packSegments([0, 0, 0, 0, 0, 0, 0, 3])).toBe(3n << 112n)
  })

  test('is undone by unpackSegments', () => {
    const counts = [7, 0, 65_535, 1, 2, 3, 4, 5]
    expect(unpackSegments(packSegments(counts), 8)).toEqual(counts)
  })

  test.each([[65_536], [-1]])('refuses %i', (count) => {
    expect(() => packSegments([count])).toThrow('16 bits')
  })
})
