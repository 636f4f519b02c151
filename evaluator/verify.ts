import { AppError } from '#base/error.ts'
import { verdictHashOf } from '#chain/client/terms.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import { type Checked, checkAttempt } from '#compute/train/check.ts'
import { initSeedOf, zeroHash } from '#compute/train/commit.ts'
import { parseJson } from '#wire/canonical.ts'
import { cidOfDigest } from '#wire/cid.ts'
import { evidenceSchema } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { type AttemptPlace, readPlace } from './attempt.ts'
import { openAttempt } from './examine.ts'
import { fetchTranscript } from './fetch.ts'
import { evaluateHeldOut } from './held-out.ts'
import { packSegments } from './judge.ts'
import { type HeldModel, fetchParameters, holdModel } from './model.ts'
import { isTolerant } from './tolerant.ts'
import { type Verification, type VerifyDeps, type VerifyOptions, failed } from './verification.ts'
import { replayAll, replayDrawn } from './verify-replay.ts'

export interface Verified {
  readonly jobId: Hex
  readonly modelHash: Hex
  readonly modelCid: string
  readonly metricMicros: bigint
  /** Leaves that were computed again and compared. */
  readonly replayedSteps: number
}

const folder = 'verify'
const pins = { lasting: 'verify', passing: 'verify' }
const fetchTimeoutMs = 120_000

/**
 * Checks a finished job from the chain and the peers alone, as a stranger would. Throws VERIFY_FAILED with the
 * first claim that is not true, MODEL_NONE where the job has no accepted model, and what fetching throws.
 */
export async function verifyJob(
  deps: VerifyDeps,
  view: JobView,
  options: VerifyOptions,
): Promise<Verified> {
  const { verdict, jobId, phase } = view
  if (verdict === undefined) {
    const message = `the job is ${phase} and has no accepted model`
    throw new AppError({ code: 'MODEL_NONE', jobId, phase, message })
  }
  proveVerdict(view, verdict, options)
  await proveEvidence(deps, view, options)
  const place = await readPlace(deps, view, options)
  const runner = deps.openRunner()
  try {
    const attempt = await openAttempt({ ...deps, runner }, place, { ...options, folder, pins })
    options.onProof({
      claim: 'specification',
      text: `${attempt.spec.name}, ${view.terms.specDigest}`,
    })
    const transcripts = await fetchTranscripts(deps, view, options)
    const verification = { deps, options, view, verdict, attempt, transcripts }
    proveTranscripts(verification)
    const model = await proveModel(verification)
    await proveHeldOut(verification, model)
    const replayedSteps = await proveReplay(verification, model)
    const { modelHash, cid: modelCid } = model
    return { jobId, modelHash, modelCid, metricMicros: verdict.metricMicros, replayedSteps }
  } finally {
    await runner.close()
    await deps.files.remove(folder)
  }
}

function proveVerdict(view: JobView, verdict: Verdict, { onProof }: VerifyOptions): void {
  const hash = verdictHashOf(verdict)
  const agreed = view.revealed.filter((one) => verdictHashOf(one.verdict) === hash).length
  const needed = view.terms.evaluatorCount === 1 ? 1 : 2
  if (agreed < needed) throw failed('verdict', { reason: `${agreed} evaluators gave it`, needed })
  onProof({ claim: 'verdict', text: `${agreed} of ${view.revealed.length} evaluators gave it` })
}

/** Whoever was slashed by a verdict is named in its evidence. */
async function proveEvidence(
  deps: VerifyDeps,
  view: JobView,
  options: VerifyOptions,
): Promise<void> {
  const named = view.slashes.filter(({ evidenceDigest = zeroHash }) => evidenceDigest !== zeroHash)
  for (const { account, attempt, evidenceDigest } of named) {
    const bounds = { timeoutMs: fetchTimeoutMs, signal: options.signal }
    const bytes = await deps.artifacts.get(cidOfDigest(evidenceDigest as Hex), bounds)
    const evidence = evidenceSchema.safeParse(parseJson(bytes)).data
    const own = evidence?.findings.filter(({ worker }) => worker === account) ?? []
    if (evidence?.jobId !== view.jobId || evidence.attempt !== attempt || own.length === 0) {
      throw failed('evidence', { reason: `${account} is not named in it`, attempt })
    }
    const kinds = [...new Set(own.map(({ kind }) => kind))].join(', ')
    const text = `${account} was removed from attempt ${attempt}: ${own.length} x ${kinds}`
    options.onProof({ claim: 'evidence', text })
  }
}

async function fetchTranscripts(
  deps: VerifyDeps,
  view: JobView,
  { signal }: VerifyOptions,
): Promise<ReadonlyMap<Hex, Transcript>> {
  const closing = AbortSignal.any([AbortSignal.timeout(fetchTimeoutMs), signal])
  const fetched = view.results.map(async ({ worker, transcriptCidDigest }) => {
    const options = { owner: pins.lasting, closing }
    const served = await fetchTranscript(deps, transcriptCidDigest, options)
    if (served === 'withheld') {
      throw new AppError({ code: 'ARTIFACT_MISSING', worker, digest: transcriptCidDigest })
    }
    if (served === 'malformed') throw failed('transcripts', { worker, reason: 'not a transcript' })
    return [worker, served] as const
  })
  return new Map(await Promise.all(fetched))
}

function proveTranscripts(verification: Verification): void {
  const { attempt, transcripts, options, verdict, view } = verification
  const checked: Checked = checkAttempt(attempt.facts, transcripts)
  const [finding] = checked.findings
  if (finding) throw failed('transcripts', { reason: finding.kind, ...finding })
  const [contest] = checked.contests
  if (contest) throw failed('transcripts', { reason: 'aggregates differ', round: contest.round })
  const { train } = attempt.facts
  const text = `${transcripts.size} of ${attempt.facts.active.length} workers, ${train.rounds} signed rounds`
  options.onProof({ claim: 'transcripts', text })
  const credits = view.workers.map((worker) => checked.credits.get(worker) ?? 0)
  if (packSegments(credits) !== verdict.segments) {
    throw failed('credits', { reason: 'other segments were credited', credits })
  }
  options.onProof({ claim: 'credits', text: `${credits.join(' + ')} segments` })
}

async function proveModel(
  verification: Verification,
): Promise<HeldModel & { parameters: Float32Array }> {
  const { attempt, deps, options, verdict, transcripts } = verification
  const [transcript] = transcripts.values()
  const modelRoot = transcript?.records.at(-1)?.rounds.at(-1)?.aggregated.p
  if (modelRoot === undefined) throw failed('model', { reason: 'no worker submitted' })
  const { spec, opened, place } = attempt
  const initialSeed = initSeedOf(place.jobId, place.beacon)
  const wanted = { job: spec, initialSeed, modelRoot, parameterCount: opened.parameterCount }
  const closing = AbortSignal.any([AbortSignal.timeout(fetchTimeoutMs), options.signal])
  const parameters = await fetchParameters(deps, verdict.modelCidDigest, { wanted, closing })
  if (parameters === 'late') {
    throw new AppError({ code: 'ARTIFACT_MISSING', digest: verdict.modelCidDigest })
  }
  if (parameters === 'wrong') throw failed('model', { reason: 'other parameters', modelRoot })
  const model = await holdModel(deps.artifacts, wanted, { parameters, owner: pins.lasting })
  const { modelHash, cidDigest } = model
  if (modelHash !== verdict.modelHash) throw failed('model', { reason: 'another hash', modelHash })
  if (cidDigest !== verdict.modelCidDigest)
    throw failed('model', { reason: 'another CID', cidDigest })
  options.onProof({ claim: 'model', text: `${modelHash}, ${model.cid}` })
  return { ...model, parameters }
}

async function proveHeldOut(
  { attempt, deps, options, verdict, view }: Verification,
  { parameters }: { parameters: Float32Array },
): Promise<void> {
  const { heldOut, metric } = attempt.spec
  const { heldOutKey: key } = view
  if (key === undefined) throw failed('heldOut', { reason: 'nobody published its key' })
  const { signal } = options
  const bounds = { sizeBytesMax: heldOut.sizeBytes, timeoutMs: fetchTimeoutMs, signal }
  const bytes = await deps.artifacts.get(heldOut.cid, bounds)
  const metricMicros = await evaluateHeldOut(
    { runner: attempt.runner, files: deps.files },
    { bytes, key },
    { parameters, folder, signal },
  )
  if (metricMicros !== verdict.metricMicros) {
    throw failed('heldOut', { reason: `${metric} is ${metricMicros} micros`, metricMicros })
  }
  const text = `${metric} ${Number(metricMicros) / 1e6} on ${heldOut.rows} rows`
  options.onProof({ claim: 'heldOut', text })
}

async function proveReplay(
  verification: Verification,
  { modelRoot }: { modelRoot: Hex },
): Promise<number> {
  const { options, attempt } = verification
  const { replay } = options
  if (replay === 'full') {
    if (isTolerant(attempt.place)) throw notExact(attempt.place)
    const replayed = await replayAll(verification)
    if (replayed.modelRoot !== modelRoot) throw failed('replay', { reason: 'another model' })
    const text = `all ${replayed.steps} steps give the same bits`
    options.onProof({ claim: 'replay', text })
    return replayed.steps
  }
  const wanted = replay === 'some' ? undefined : replay.sample
  const { steps, drawn } = await replayDrawn(verification, wanted)
  const text = isTolerant(attempt.place)
    ? `${steps} of ${drawn} drawn rounds repeated, each is within the tolerance`
    : `${steps} of ${drawn} drawn steps repeated, each gives the same bits`
  options.onProof({ claim: 'replay', text })
  return steps
}

/** Whoever trains a tolerant job again ends with other bits. */
function notExact({ jobId }: AttemptPlace): AppError {
  const message = 'a tolerant job has no one right result to compute: use --sample'
  return new AppError({ code: 'NOT_EXACT', jobId, message })
}
