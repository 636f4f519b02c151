import type { Clock } from '#base/clock.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError, codeOf } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Verdict } from '#chain/client/view.ts'
import type { Runner } from '#compute/runner.ts'
import type { SignerOf } from '#compute/train/certificate.ts'
import { initSeedOf, zeroHash } from '#compute/train/commit.ts'
import { drawsMax } from '#compute/train/sample.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { Evidence, Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import { createSignerOf, factsOf, type AttemptPlace } from './attempt.ts'
import { type AuditOptions, type Audited, auditAttempt } from './audit.ts'
import type { Court } from './court.ts'
import { persist } from './fetch.ts'
import { evaluateHeldOut, openHeldOutKey } from './held-out.ts'
import type { Voices } from './hearing.ts'
import { judge } from './judge.ts'
import type { Notices } from './notices.ts'
import type { OpenAttempt, PinOwners } from './open-attempt.ts'
import type { Panel } from './panel.ts'
import { type Standing, findModel } from './standing.ts'
import type { Saying } from './together.ts'

/** What examining an attempt needs of the world. */
export interface ExamineDeps {
  readonly artifacts: Artifacts
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  readonly openRunner: () => Runner
  readonly notices: Notices
  /** Who shares the work, what they say, and how this one says it. */
  readonly panel: Panel
  readonly voices: Voices
  readonly say: Saying
  /** Who signed the list of a round, where signatures are no operators'. */
  readonly signerOf?: SignerOf
  /** Where it is decided whether a state is withheld; undefined on chains without such a place. */
  readonly court?: Court
}

export interface ExamineOptions {
  /** This evaluator's owner, to whom the held-out key is sealed. */
  readonly owner: Hex
  readonly sealKey: Uint8Array
  readonly threads: number
  /** Directory of the attempt in `files`; what is left in it may be removed. */
  readonly folder: string
  readonly pins: PinOwners
  /** Ends the wait for states; how long it is depends on their size. */
  readonly windows: (
    statesBytes: number,
  ) => Pick<AuditOptions, 'reading' | 'serving' | 'sharing' | 'answering' | 'isCut'>
  /** How long a silent evaluator is waited for. */
  readonly patienceMs: number
  /** Finds nothing wrong, as cheats of development chains do. */
  readonly isBribed?: boolean
  readonly signal: AbortSignal
}

/** A verdict with what is published beside it. */
export interface Examined {
  readonly verdict: Verdict
  /** Zero when the attempt has no model: its data stay unseen for the next one. */
  readonly heldOutKey: Hex
  readonly findings: readonly Finding[]
  /** How many steps were repeated here, of how many. */
  readonly steps: { readonly repeated: number; readonly all: number }
}

/**
 * Examines an attempt: hashes and signatures of all transcripts, the drawn step of every segment, the final
 * model and its metric. The verdict is the same, bit for bit, from every honest evaluator.
 */
export async function examineAttempt(
  deps: ExamineDeps,
  place: AttemptPlace,
  options: ExamineOptions,
): Promise<Examined> {
  const runner = deps.openRunner()
  try {
    const attempt = await openAttempt({ ...deps, runner }, place, options)
    const bounds = { ...options, ...options.windows(statesBytesOf(attempt)) }
    const audited = await auditAttempt(deps, attempt, bounds)
    options.signal.throwIfAborted()
    const standing = await findModel(deps, attempt, { audited, ...bounds })
    options.signal.throwIfAborted()
    const { credits, steps, lazy } = audited
    return { ...(await conclude(deps, attempt, { ...options, standing, credits, lazy })), steps }
  } finally {
    await runner.close()
    await deps.files.remove(options.folder)
  }
}

/** Fetches specification and rows and opens the engine on them. Throws SPEC_INVALID, ENGINE_DIFFERS. */
export async function openAttempt(
  deps: Pick<ExamineDeps, 'artifacts' | 'files' | 'signerOf'> & { runner: Runner },
  place: AttemptPlace,
  options: Pick<ExamineOptions, 'folder' | 'pins' | 'threads' | 'signal'>,
): Promise<OpenAttempt> {
  const { artifacts, files, runner, signerOf = createSignerOf(place) } = deps
  const { folder, signal } = options
  const owner = options.pins.lasting
  const { terms } = place.view
  await files.remove(folder)
  await files.make(folder)
  const spec = await fetchJobSpec(artifacts, terms.specDigest, { owner, signal })
  const rowsFile = `${folder}/train.safetensors`
  const { cid, sizeBytes: sizeBytesMax } = spec.trainSet
  await artifacts.getFile(cid, files.path(rowsFile), { owner, sizeBytesMax, signal })
  const { threads } = options
  const job = { spec: spec.train, trainFile: files.path(rowsFile), threads }
  const opened = await runner.open(job, { signal })
  if (opened.engineId !== terms.engineId || spec.engineId !== terms.engineId) {
    const { engineId: found } = opened
    throw new AppError({ code: 'ENGINE_DIFFERS', found, expected: terms.engineId })
  }
  const initialState = `${folder}/initial.safetensors`
  const seed = initSeedOf(place.jobId, place.beacon)
  const initial = await runner.initialState({ seed, to: files.path(initialState) }, { signal })
  const facts = factsOf(place, { spec, opened, initial, signerOf })
  return { place, spec, opened, runner, facts, rowsFile, initialState }
}

/** Bytes of the states that all workers have to serve, at most. */
function statesBytesOf({ facts, opened, place }: OpenAttempt): number {
  const draws = facts.results.map(({ worker }) => drawsMax[place.rates?.get(worker) ?? 'normal'])
  const each = place.view.terms.segmentCount * opened.stateBytes
  return draws.reduce((sum, count) => sum + count * each, 0)
}

async function conclude(
  deps: ExamineDeps,
  attempt: OpenAttempt,
  options: ExamineOptions & { standing: Standing } & Pick<Audited, 'credits' | 'lazy'>,
): Promise<Omit<Examined, 'steps'>> {
  const { findings, model } = options.standing
  const { view } = attempt.place
  const { credits, lazy } = options
  const { workers, results, evaluators } = view
  const evidenceDigest =
    model !== undefined && lazy.length === 0
      ? zeroHash
      : await holdEvidence(deps, attempt, { findings, lazy, owner: options.pins.lasting })
  const called = lazy.map((evaluator) => evaluators.indexOf(evaluator))
  const facts = { workers, results, findings, credits, lazy: called, evidenceDigest }
  if (model === undefined) {
    const verdict = judge({ ...facts, metricMicros: 0n })
    return { verdict, heldOutKey: zeroHash, findings }
  }
  const { owner, sealKey, folder, signal, pins } = options
  const key = await openHeldOutKey(attempt.spec, owner, sealKey)
  const bytes = await fetchHeldOut(deps, attempt, { owner: pins.lasting, signal })
  const metricMicros = await evaluateHeldOut(
    { runner: attempt.runner, files: deps.files },
    { bytes, key },
    { parameters: model.parameters, folder, signal },
  )
  const verdict = judge({ ...facts, metricMicros })
  return { verdict, heldOutKey: key, findings }
}

/** Asks as long as the attempt goes on: a failure here would have everything repeated. */
async function fetchHeldOut(
  { artifacts, clock }: Pick<ExamineDeps, 'artifacts' | 'clock'>,
  { spec }: OpenAttempt,
  { owner, signal }: { owner: string; signal: AbortSignal },
): Promise<Uint8Array> {
  const { cid, sizeBytes: sizeBytesMax } = spec.heldOut
  const bytes = await persist(clock, signal, (bounds) =>
    artifacts.get(cid, { owner, sizeBytesMax, ...bounds }),
  )
  signal.throwIfAborted()
  if (bytes instanceof Uint8Array) return bytes
  throw new AppError({ code: 'ARTIFACT_MISSING', cid, retryable: true })
}

/** Publishes what was found; the digest is that of the file's only block. */
async function holdEvidence(
  deps: Pick<ExamineDeps, 'artifacts' | 'log'>,
  { place }: OpenAttempt,
  { findings, lazy, owner }: { findings: readonly Finding[]; lazy: readonly Hex[]; owner: string },
): Promise<Hex> {
  const { jobId, attempt, auditSeed } = place
  const found: Evidence = { version: 1, jobId, attempt, auditSeed, findings: [...findings] }
  const evidence: Evidence = lazy.length === 0 ? found : { ...found, lazy: [...lazy] }
  const bytes = canonicalBytes(evidence)
  try {
    await deps.artifacts.add(bytes, { owner })
  } catch (error) {
    // The digest is the verdict; other evaluators hold the bytes.
    deps.log.warn({ err: error, code: codeOf(error), jobId }, 'evidence not kept')
  }
  return toHex(sha256(bytes))
}
