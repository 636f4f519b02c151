import type { Clock } from '#base/clock.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import { claimsOf } from '#compute/train/claims.ts'
import { segmentsRootOf } from '#compute/train/records.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { type SegmentClaim, sameClaim, segmentNumber } from '#wire/segment-claim.ts'
import { AppError } from '#base/error.ts'
import { fetchTranscript } from './fetch.ts'

export interface AvailabilityDeps {
  readonly feed: Pick<JobFeed, 'randomness'>
  readonly artifacts: Pick<Artifacts, 'get' | 'getFile'>
  readonly files: Files
  readonly clock: Clock
}

export interface AvailabilityOptions {
  /** Directory in `files` for what is fetched; removed afterwards. */
  readonly folder: string
  readonly pinOwner: string
  readonly signal: AbortSignal
}

/** A worker's part of what a drawn validator looked at. */
export interface Looked {
  /** In the job. */
  readonly index: number
  /** What stands in the way of attesting it, if anything. */
  readonly fault?: 'withheld' | 'malformed' | 'segmentsRoot' | 'claim'
}

const fileTimeoutMs = 120_000
const transcriptTimeoutMs = 60_000

/**
 * What an attester answers for: that the specification, the training rows and the sealed held-out rows of a
 * settled job can be fetched, and that what each worker committed in the ledger follows from the transcript
 * whose root it anchored when it submitted. Throws what fetching the public files throws.
 */
export async function lookAtJob(
  deps: AvailabilityDeps,
  view: JobView,
  options: AvailabilityOptions,
): Promise<readonly Looked[]> {
  const { files } = deps
  await files.remove(options.folder)
  await files.make(options.folder)
  try {
    const spec = await fetchPublicFiles(deps, view, options)
    const beacon = await beaconOf(deps, view)
    const committed = new Set(view.ledger.commitments.map(({ worker }) => worker))
    const looked = view.workers.flatMap((worker, index) => {
      return committed.has(worker)
        ? [lookAtWorker(deps, { view, spec, beacon, index }, options)]
        : []
    })
    return await Promise.all(looked)
  } finally {
    await files.remove(options.folder)
  }
}

async function fetchPublicFiles(
  { artifacts, files }: AvailabilityDeps,
  { terms }: JobView,
  { folder, pinOwner: owner, signal }: AvailabilityOptions,
): Promise<JobSpec> {
  const spec = await fetchJobSpec(artifacts, terms.specDigest, { owner, signal })
  for (const [i, { cid, sizeBytes }] of [spec.trainSet, spec.heldOut].entries()) {
    const bounds = { owner, sizeBytesMax: sizeBytes, timeoutMs: fileTimeoutMs, signal }
    const name = `${folder}/${i}.bin`
    await artifacts.getFile(cid, files.path(name), bounds)
    await files.remove(name)
  }
  return spec
}

async function beaconOf(
  { feed }: AvailabilityDeps,
  { jobId, beaconHeight }: JobView,
): Promise<Hex> {
  const beacon = beaconHeight === undefined ? undefined : await feed.randomness(beaconHeight)
  if (beacon === undefined) throw new AppError({ code: 'NOT_READY', jobId, retryable: true })
  return beacon
}

async function lookAtWorker(
  deps: AvailabilityDeps,
  job: { view: JobView; spec: JobSpec; beacon: Hex; index: number },
  { pinOwner: owner, signal }: AvailabilityOptions,
): Promise<Looked> {
  const { view, spec, beacon, index } = job
  const { jobId } = view
  const worker = view.workers[index]
  const result = view.results.find((one) => one.worker === worker)
  if (result === undefined) return { index, fault: 'withheld' }
  const closing = AbortSignal.any([signal, AbortSignal.timeout(transcriptTimeoutMs)])
  const transcript = await fetchTranscript(deps, result.transcriptCidDigest, { owner, closing })
  if (typeof transcript === 'string') return { index, fault: transcript }
  const { records } = transcript
  if (segmentsRootOf(records) !== result.segmentsRoot) return { index, fault: 'segmentsRoot' }
  const own = view.ledger.commitments.filter((one) => one.worker === worker)
  const expected = claimsOf({ jobId, spec, beacon }, records)
  const isTrue = own.every(({ claim }) => isClaimIn(expected, claim))
  return isTrue ? { index } : { index, fault: 'claim' }
}

function isClaimIn(expected: readonly SegmentClaim[], claim: SegmentClaim): boolean {
  const found = expected.find((one) => segmentNumber(one) === segmentNumber(claim))
  return found !== undefined && sameClaim(found, claim)
}
