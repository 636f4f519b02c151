import { beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import { createRng } from '#base/rng.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import { realClock } from '#cli/real-clock.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { firstBatchOf } from '#compute/train/records.ts'
import type { Proof, ReplayWish, VerifyDeps } from '#evaluator/verification.ts'
import { type Verified, verifyJob } from '#evaluator/verify.ts'
import { createFiles } from '#store/files.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { digestOfCid } from '#wire/cid.ts'
import type { Evidence } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import { arenaPlace, arenaTrain, operatorsOf, owners } from '../compute/train/arena.ts'
import { openBench } from './bench.ts'
import { type Case, buildCase, evaluators, examine, placeOf, redraw, serveAll } from './case.ts'
import { beaconHeight, feedOf, registry, auditHeight, topicOf } from './stubs.ts'

const { world, hub, honest } = await openBench()
const stranger: Hex = `0x${'57'.repeat(20)}`
const liar = owners[1] as Hex
let verdict: Verdict

beforeAll(async () => {
  await serveAll(honest)
  ;({ verdict } = await examine(hub, honest))
})

/** The settled job as the chain tells it: everybody revealed this verdict. */
function viewOf(made: Case, accepted: Verdict, change: Partial<JobView> = {}): JobView {
  const { view } = placeOf(made)
  return {
    ...view,
    phase: 'settled',
    terms: { ...view.terms, evaluatorCount: 2 },
    beaconHeight,
    auditHeight,
    verdict: accepted,
    revealed: evaluators.map((evaluator) => ({ evaluator, verdict: accepted })),
    heldOutKey: made.heldOutKey,
    slashes: [],
    ...change,
  }
}

async function verify(
  made: Case,
  view: JobView,
  replay: ReplayWish = { sample: 1 },
): Promise<Verified & { proofs: Proof['claim'][] }> {
  const proofs: Proof['claim'][] = []
  const deps: VerifyDeps = {
    feed: feedOf(made, view, 1n),
    operators: { operatorsOf: async (owner) => [operatorsOf[owners.indexOf(owner)] as Hex] },
    registry,
    topics: { open: async () => topicOf(made, stranger) },
    artifacts: hub.held[1] as VerifyDeps['artifacts'],
    files: createFiles(await world.directory()),
    clock: realClock,
    rng: createRng(7),
    openRunner: () => hub.runners[1] as ReturnType<VerifyDeps['openRunner']>,
  }
  const verified = await verifyJob(deps, view, {
    ...arenaPlace,
    replay,
    threads: 1,
    signal: new AbortController().signal,
    onProof: ({ claim }) => proofs.push(claim),
  })
  return { ...verified, proofs }
}

/** The claim that was found to be wrong, or the error's code. */
async function claimOf(verified: Promise<unknown>): Promise<unknown> {
  return verified.then(
    () => 'nothing',
    (error: { fields?: { claim?: string } }) => error.fields?.claim ?? codeOf(error) ?? error,
  )
}

async function evidenceOf(made: Case, change: Partial<Evidence>): Promise<Hex> {
  const { jobId } = made.arena.course
  const findings = [{ kind: 'step' as const, worker: liar, segment: 0, step: 1 }]
  const evidence: Evidence = {
    version: 1,
    jobId,
    attempt: 0,
    auditSeed: made.auditSeed,
    findings,
    ...change,
  }
  return digestOfCid(await made.source.add(canonicalBytes(evidence)))
}

describe('verifyJob', () => {
  test.each<[string, ReplayWish]>([
    ['all steps', 'full'],
    ['what is served', 'some'],
    ['a sample', { sample: 2 }],
  ])('proves an honest job (%s)', async (_name, replay) => {
    const slashes = [
      { attempt: 0, account: liar, amountWei: 1n, evidenceDigest: await evidenceOf(honest, {}) },
    ]
    const { proofs, modelHash, replayedSteps } = await verify(
      honest,
      viewOf(honest, verdict, { slashes }),
      replay,
    )
    expect(proofs).toEqual([
      'verdict',
      'evidence',
      'specification',
      'transcripts',
      'credits',
      'model',
      'heldOut',
      'replay',
    ])
    expect(modelHash).toBe(verdict.modelHash)
    const locals = honest.drawn.filter(({ kind }) => kind === 'local').length
    const steps = { full: 3 * 4 * 4, some: Math.min(8, locals) }
    expect(replayedSteps).toBe(typeof replay === 'string' ? steps[replay] : replay.sample)
  })

  test.each<[string, string, (view: JobView) => Partial<JobView>]>([
    ['one evaluator alone gave it', 'verdict', ({ revealed }) => ({ revealed: revealed.slice(1) })],
    ['the key was not published', 'heldOut', () => ({ heldOutKey: undefined })],
    [
      'another key was published',
      'heldOut',
      () => ({ heldOutKey: toHex(sha256(Uint8Array.of(1))) }),
    ],
    ['no verdict was accepted', 'MODEL_NONE', () => ({ verdict: undefined })],
    [
      'a record differs from the chain',
      'transcripts',
      ({ results }) => ({
        results: results.map((result) => ({
          ...result,
          segmentsRoot: toHex(sha256(Uint8Array.of(2))),
        })),
      }),
    ],
  ])('%s: %s', async (_name, claim, change) => {
    const view = viewOf(honest, verdict)
    expect(await claimOf(verify(honest, { ...view, ...change(view) }))).toBe(claim)
  })

  test.each<[string, string, Partial<Verdict>]>([
    ['metric', 'heldOut', { metricMicros: 1n }],
    ['credits', 'credits', { segments: 1n }],
    ['model hash', 'model', { modelHash: toHex(sha256(Uint8Array.of(3))) }],
  ])('another %s was agreed on: %s', async (_name, claim, change) => {
    expect(await claimOf(verify(honest, viewOf(honest, { ...verdict, ...change })))).toBe(claim)
  })

  test('another directory was agreed on: model', async () => {
    const other = await honest.source.addDirectory([
      { name: 'manifest.json', bytes: Uint8Array.of(1) },
      { name: 'graph.onnx', bytes: Uint8Array.of(1) },
      { name: 'model.safetensors', bytes: Uint8Array.of(1) },
    ])
    const view = viewOf(honest, { ...verdict, modelCidDigest: digestOfCid(other) })
    expect(await claimOf(verify(honest, view))).toBe('model')
  })

  test.each<[string, Partial<Evidence>]>([
    ['another job', { jobId: `0x${'11'.repeat(32)}` }],
    ['another attempt', { attempt: 3 }],
    ['somebody else', { findings: [{ kind: 'step', worker: owners[0] as Hex }] }],
  ])('the evidence of a slash is about %s: evidence', async (_name, change) => {
    const evidenceDigest = await evidenceOf(honest, change)
    const slashes = [{ attempt: 0, account: liar, amountWei: 1n, evidenceDigest }]
    expect(await claimOf(verify(honest, viewOf(honest, verdict, { slashes })))).toBe('evidence')
  })

  test('STATES_MISSING: a sample that nobody serves any more', async () => {
    const unserved = redraw(honest)
    const view = viewOf(unserved, verdict)
    expect(await claimOf(verify(unserved, view, { sample: 1 }))).toBe('STATES_MISSING')
  })

  test('evaluators that passed a lie: replay, drawn or full', async () => {
    const isSkipped = (step: DrawnStep) =>
      step.kind === 'local' && (step.batch - firstBatchOf(arenaTrain, step.round)) % 2 === 1
    const onlyLies = (drawn: readonly DrawnStep[]) =>
      drawn.filter(({ worker }) => worker === liar).every(isSkipped)
    const made = await buildCase(hub, { lies: { 1: 'skip' }, wanted: onlyLies })
    await serveAll(made)
    const [result] = made.results
    const bribed = {
      ...verdict,
      modelHash: result?.modelHash as Hex,
      modelCidDigest: result?.modelCidDigest as Hex,
    }
    const passed = { ...bribed, metricMicros: await metricOf(made, bribed) }
    const view = viewOf(made, passed)
    expect(await claimOf(verify(made, view, 'full'))).toBe('replay')
    expect(await claimOf(verify(made, view, 'some'))).toBe('replay')
  })
})

/** The metric that the model of a case has: asked from the check that would refuse another. */
async function metricOf(made: Case, bribed: Verdict): Promise<bigint> {
  const refused = await verify(made, viewOf(made, { ...bribed, metricMicros: -1n })).then(
    () => undefined,
    (error: { fields?: { metricMicros?: bigint } }) => error.fields?.metricMicros,
  )
  return refused ?? -1n
}
