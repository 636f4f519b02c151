import { describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { noopMetrics } from '#base/metrics.ts'
import { emptyLedger, type Commitment } from '#chain/client/ledger-view.ts'
import type { JobView } from '#chain/client/view.ts'
import { realClock } from '#cli/real-clock.ts'
import { claimsOf } from '#compute/train/claims.ts'
import { createAttester } from '#evaluator/attester.ts'
import { lookAtJob } from '#evaluator/availability.ts'
import type { Artifacts } from '#p2p/network.ts'
import { createFiles } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { SegmentClaim } from '#wire/segment-claim.ts'
import { owners } from '../compute/train/arena.ts'
import { until } from '../p2p/world.ts'
import { openBench } from './bench.ts'
import { placeOf } from './case.ts'
import { beaconHeight, feedOf, registry, topicOf } from './stubs.ts'

const { world, hub, honest: made } = await openBench()
const seat = 3
const own: Hex = `0x${'d1'.repeat(20)}`
const never = new AbortController().signal

type Change = (claims: SegmentClaim[], index: number) => SegmentClaim[]

/** The settled job with these commitments, drawn for the seat. */
function settled(change: Change = (claims) => claims, fields: Partial<JobView> = {}): JobView {
  const { view, beacon, jobId } = placeOf(made)
  const commitments = owners.flatMap((worker, index): Commitment[] => {
    const { records } = made.transcripts.get(worker)!
    const claims = change(claimsOf({ jobId, spec: made.spec, beacon }, records), index)
    return claims.map((claim, i) => ({ worker, segmentId: `0x${index}${i}`, claim }))
  })
  const ledger = { ...emptyLedger, commitments, seedHeight: 30n, attesters: [seat] }
  return { ...view, phase: 'settled', beaconHeight, ledger, ...fields }
}

async function look(view: JobView, artifacts = hub.held[0] as Artifacts) {
  const files = createFiles(await world.directory())
  const deps = { feed: feedOf(made, view, 1n), artifacts, files, clock: realClock }
  return lookAtJob(deps, view, { folder: 'job', pinOwner: 'attest', signal: never })
}

const changed = (fields: Partial<SegmentClaim>): Change => {
  return (claims, index) =>
    claims.map((claim, i) => (index + i === 1 ? { ...claim, ...fields } : claim))
}

describe('lookAtJob', () => {
  test('finds commitments that follow from the transcripts', async () => {
    expect(await look(settled())).toEqual([{ index: 0 }, { index: 1 }, { index: 2 }])
  })

  test('looks only at workers that committed something', async () => {
    const view = settled((claims, index) => (index === 1 ? claims.slice(1) : []))
    expect(await look(view)).toEqual([{ index: 1 }])
  })

  const other: Hex = `0x${'77'.repeat(32)}`
  test.each<[string, Partial<SegmentClaim>]>([
    ['work', { work: 1n | (999_999n << 32n) }],
    ['a segment', { work: 7n | (1n << 32n) }],
    ['inputRoot', { inputRoot: other }],
    ['outputRoot', { outputRoot: other }],
    ['modelHash', { modelHash: other }],
    ['stepRoot', { stepRoot: other }],
    ['dataPointer', { dataPointer: other }],
  ])('blames a worker for another claim: %s', async (_name, fields) => {
    const looked = await look(settled(changed(fields)))
    expect(looked).toEqual([
      { index: 0, fault: 'claim' },
      { index: 1, fault: 'claim' },
      { index: 2 },
    ])
  })

  test('blames a worker whose transcript is not the one of its result', async () => {
    const [first, ...others] = made.results
    const results = [{ ...first!, segmentsRoot: other }, ...others]
    const looked = await look(settled(undefined, { results }))
    expect(looked).toEqual([{ index: 0, fault: 'segmentsRoot' }, { index: 1 }, { index: 2 }])
  })

  test('fails where a public file cannot be had', async () => {
    const held = hub.held[0] as Artifacts
    const missing: Artifacts = {
      ...held,
      getFile: (cid, path, options) =>
        cid === made.spec.heldOut.cid
          ? Promise.reject(new AppError({ code: 'ARTIFACT_MISSING', cid }))
          : held.getFile(cid, path, options),
    }
    await expect(look(settled(), missing)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
  })
})

describe('createAttester', () => {
  async function attesting(view: JobView, options: { seat?: number } = {}) {
    const sent: unknown[] = []
    const account = {
      address: own,
      read: async <T>() => {
        if (options.seat === undefined) throw new AppError({ code: 'REVERTED', reason: 'NoSeat' })
        return [BigInt(options.seat), { stakeGwei: 0n }] as T
      },
      send: async (_contract: unknown, call: string, args?: readonly unknown[]) => {
        sent.push([call, ...(args ?? [])])
        return { hash: '0x', blockNumber: 1n, gasUsed: 1n } as const
      },
    }
    const attester = createAttester({
      feed: feedOf(made, view, 1n),
      accounts: [account],
      registry,
      topics: { open: async () => topicOf(made, own) },
      artifacts: hub.held[1] as Artifacts,
      files: createFiles(await world.directory()),
      clock: realClock,
      log: noopLogger,
      metrics: noopMetrics,
    })
    await attester.start()
    return { sent, stop: () => attester.stop() }
  }

  test('answers once, for the workers whose commitments are true', async () => {
    const view = settled((claims, index) => changed({ stepRoot: own })(claims, index))
    const { sent, stop } = await attesting(view, { seat })
    await until('it attested', () => sent.length > 0)
    await stop()
    expect(sent).toEqual([['attest', view.jobId, 4]])
  })

  test.each<[string, number | undefined, Partial<JobView['ledger']>]>([
    ['without a seat', undefined, {}],
    ['that was not drawn', 4, {}],
    ['that has answered', seat, { attested: [{ seat, workers: 7 }] }],
  ])('says nothing for an account %s', async (_name, ownSeat, fields) => {
    const view = settled()
    const changedView = { ...view, ledger: { ...view.ledger, ...fields } }
    const { sent, stop } = await attesting(changedView, { seat: ownSeat })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await stop()
    expect(sent).toEqual([])
  })
})
