import { assert } from '#base/assert.ts'
import type { ResultView, Verdict } from '#chain/client/view.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { type Finding, withheldKinds } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'

/** What is known of an attempt after its checks and repetitions. */
export interface JudgeFacts {
  /** By worker index, as assigned. */
  readonly workers: readonly Hex[]
  readonly results: readonly ResultView[]
  readonly findings: readonly Finding[]
  /** Segments each worker has done, by address. */
  readonly credits: ReadonlyMap<Hex, number>
  /** The metric of the model that stands, on the held-out part. */
  readonly metricMicros: bigint
  /** Places of lazy evaluators among those of the attempt. */
  readonly lazy: readonly number[]
  /** SHA-256 of the evidence file; zero where nothing was found. */
  readonly evidenceDigest: Hex
}

const segmentBits = 16n
const segmentsMax = 65_535

/**
 * The verdict that these facts give, bit for bit the same for every honest evaluator. An attempt with a
 * finding has no model: its hash, metric and credits are zero, since the others do it again.
 */
export function judge(facts: JudgeFacts): Verdict {
  const { workers, results, findings, lazy, evidenceDigest } = facts
  const lazyMask = lazy.reduce((mask, place) => mask | (1 << place), 0)
  const isWithheld = (finding: Finding) => withheldKinds.some((kind) => kind === finding.kind)
  const lies = findings.filter((finding) => !isWithheld(finding))
  const guiltyMask = maskOf(workers, lies)
  const withheldMask = maskOf(workers, findings.filter(isWithheld)) & ~guiltyMask
  const named = guiltyMask | withheldMask
  const standing = workers
    .filter((_, index) => ((named >> index) & 1) === 0)
    .flatMap((worker) => results.filter((result) => result.worker === worker))
  const modelCidDigest = standing[0]?.modelCidDigest ?? zeroHash
  if (named !== 0) {
    assert(evidenceDigest !== zeroHash, 'a finding has its evidence')
    return { ...emptyVerdict, modelCidDigest, guiltyMask, withheldMask, lazyMask, evidenceDigest }
  }
  const [first, ...others] = standing
  assert(first !== undefined, 'an attempt that is judged has a result')
  // Equal by the checks: one list a round, one aggregate, one manifest.
  assert(
    others.every((result) => result.modelHash === first.modelHash),
    'results are equal',
  )
  return {
    ...emptyVerdict,
    modelHash: first.modelHash,
    modelCidDigest,
    metricMicros: facts.metricMicros,
    segments: packSegments(creditsOf(facts)),
    lazyMask,
    evidenceDigest,
  }
}

/** Credits by worker index; where no submitter did a step, each has kept the model and counts as one. */
function creditsOf({ workers, results, credits }: JudgeFacts): number[] {
  const own = workers.map((worker) => credits.get(worker) ?? 0)
  if (own.some((credit) => credit > 0)) return own
  return workers.map((worker) => Number(results.some((result) => result.worker === worker)))
}

/** Credited segments by worker index as one number: 16 bits each, index 0 lowest. */
export function packSegments(counts: readonly number[]): bigint {
  return counts.reduce((packed, count, index) => {
    assert(count >= 0 && count <= segmentsMax, 'a count has 16 bits')
    return packed | (BigInt(count) << (segmentBits * BigInt(index)))
  }, 0n)
}

/** The `workerCount` counts inside a packed number. */
export function unpackSegments(packed: bigint, workerCount: number): number[] {
  return Array.from({ length: workerCount }, (_, index) =>
    Number((packed >> (segmentBits * BigInt(index))) & BigInt(segmentsMax)),
  )
}

const emptyVerdict: Verdict = {
  modelHash: zeroHash,
  modelCidDigest: zeroHash,
  metricMicros: 0n,
  segments: 0n,
  guiltyMask: 0,
  withheldMask: 0,
  lazyMask: 0,
  evidenceDigest: zeroHash,
}

function maskOf(workers: readonly Hex[], findings: readonly Finding[]): number {
  return findings.reduce((mask, finding) => {
    const index = workers.indexOf(finding.worker)
    assert(index >= 0, 'a finding is about a worker of the job')
    return mask | (1 << index)
  }, 0)
}
