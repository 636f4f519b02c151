import { assert } from '#base/assert.ts'
import type { Clock } from '#base/clock.ts'
import type { ResultView } from '#chain/client/view.ts'
import { sortFindings } from '#compute/train/check.ts'
import { initSeedOf } from '#compute/train/commit.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import type { Audited } from './audit.ts'
import type { OpenAttempt, PinOwners } from './open-attempt.ts'
import {
  type HeldModel,
  type WantedModel,
  fetchParameters,
  holdModel,
  parametersOfState,
} from './model.ts'

/** What stands at the end of an attempt: all findings, and the model where there are none. */
export interface Standing {
  readonly findings: readonly Finding[]
  readonly model?: HeldModel & { readonly parameters: Float32Array }
}

interface StandingDeps {
  readonly artifacts: Pick<Artifacts, 'get' | 'addDirectory'>
  readonly files: Files
  readonly clock: Clock
}

interface StandingOptions {
  readonly audited: Audited
  readonly pins: PinOwners
  readonly sharing: AbortSignal
  readonly signal: AbortSignal
}

/**
 * The model that all transcripts end in, rebuilt here byte for byte, and a finding against everyone whose
 * directory on chain is another.
 */
export async function findModel(
  deps: StandingDeps,
  attempt: OpenAttempt,
  options: StandingOptions,
): Promise<Standing> {
  const { findings, transcripts } = options.audited
  if (findings.length > 0) return { findings }
  const [transcript] = transcripts.values()
  const last = transcript?.records.at(-1)?.rounds.at(-1)
  if (transcript === undefined || last === undefined) return { findings }
  const { place, spec, opened } = attempt
  const wanted: WantedModel = {
    job: spec,
    initialSeed: initSeedOf(place.jobId, place.beacon),
    modelRoot: last.aggregated.p,
    parameterCount: opened.parameterCount,
  }
  const parameters = await parametersOf(deps, { attempt, wanted, transcript }, options)
  if (!(parameters instanceof Float32Array)) return { findings: parameters }
  const model = await holdModel(deps.artifacts, wanted, { parameters, owner: options.pins.lasting })
  const { results } = place.view
  const others = results.filter(({ modelCidDigest }) => modelCidDigest !== model.cidDigest)
  const lies = others.map(({ worker, modelCidDigest }): Finding => {
    const { cidDigest: expected } = model
    return { kind: 'modelCid', worker, expected, committed: modelCidDigest }
  })
  if (lies.length > 0) return { findings: sortFindings(lies, place.active) }
  return { findings, model: { ...model, parameters } }
}

/** From any worker's directory, else from the updates of the last round; else who kept them back. */
async function parametersOf(
  deps: StandingDeps,
  {
    attempt,
    wanted,
    transcript,
  }: { attempt: OpenAttempt; wanted: WantedModel; transcript: Transcript },
  options: StandingOptions,
): Promise<Float32Array | Finding[]> {
  for (const modelCidDigest of bySupport(attempt.place.view.results)) {
    const closing = AbortSignal.any([AbortSignal.timeout(directoryTimeoutMs), options.signal])
    const found = await fetchParameters(deps, modelCidDigest, { wanted, closing })
    if (found instanceof Float32Array) return found
  }
  const list = transcript.rounds.at(-1)
  assert(list !== undefined, 'a job has a round')
  const closing = AbortSignal.any([AbortSignal.timeout(directoryTimeoutMs), options.signal])
  const aggregate = await options.audited.aggregates.of(list, closing)
  if (aggregate.kind === 'aggregate')
    return parametersOfState(await deps.files.read(aggregate.state))
  const kind = aggregate.kind === 'wrong' ? 'updateBytes' : 'updateWithheld'
  const workers = attempt.facts.results.map(({ worker }) => worker)
  const blamed = aggregate.workers.filter((worker) => workers.includes(worker))
  const findings = (blamed.length > 0 ? blamed : workers).map((worker): Finding => ({
    kind,
    worker,
    round: list.round,
  }))
  return sortFindings(findings, attempt.place.active)
}

/** Another worker, or the last updates, have the same parameters: no need to wait long for one. */
const directoryTimeoutMs = 15_000

/** Digests of directories, those that most workers name first: a wrong one may never be served. */
function bySupport(results: readonly ResultView[]): Hex[] {
  const groups = Map.groupBy(results, ({ modelCidDigest }) => modelCidDigest)
  return [...groups].toSorted(([, a], [, b]) => b.length - a.length).map(([digest]) => digest)
}
