import { assert } from '#base/assert.ts'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { ResultView } from '#chain/client/view.ts'
import { sortFindings } from '#compute/train/check.ts'
import { initSeedOf } from '#compute/train/commit.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import type { Aggregate } from './aggregates.ts'
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
  /** Until it aborts, what does not come is asked for again. */
  readonly answering: AbortSignal
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

interface Search {
  readonly attempt: OpenAttempt
  readonly wanted: WantedModel
  readonly transcript: Transcript
}

/**
 * From any worker's directory, else from the updates of the last round; else who kept them back. Asks all of them again
 * and again, since seconds of one machine must not decide. Throws LATE where it is too late for that from the beginning.
 */
async function parametersOf(
  deps: StandingDeps,
  search: Search,
  options: StandingOptions,
): Promise<Float32Array | Finding[]> {
  const isLate = options.answering.aborted
  for (;;) {
    const found = await askAll(deps, search, options)
    options.signal.throwIfAborted()
    if (found instanceof Float32Array) return found
    const { kind, workers } = found
    if (kind === 'late' && isLate) throw new AppError({ code: 'LATE', workers, retryable: true })
    if (kind === 'wrong' || options.answering.aborted) return faultsOf(search, found)
  }
}

async function askAll(
  deps: StandingDeps,
  { attempt, wanted, transcript }: Search,
  options: StandingOptions,
): Promise<Float32Array | Fault> {
  const ask = <T>(get: (closing: AbortSignal) => Promise<T>) => within(deps.clock, get, options)
  for (const modelCidDigest of bySupport(attempt.place.view.results)) {
    const found = await ask(async (closing) =>
      fetchParameters(deps, modelCidDigest, { wanted, closing }),
    )
    if (found instanceof Float32Array) return found
  }
  const list = transcript.rounds.at(-1)
  assert(list !== undefined, 'a job has a round')
  const aggregate = await ask((closing) => options.audited.aggregates.of(list, closing))
  if (aggregate.kind !== 'aggregate') return aggregate
  return parametersOfState(await deps.files.read(aggregate.state))
}

type Fault = Exclude<Aggregate, { kind: 'aggregate' }>

function faultsOf({ attempt, transcript }: Search, fault: Fault): Finding[] {
  const kind = fault.kind === 'wrong' ? 'updateBytes' : 'updateWithheld'
  const round = transcript.rounds.length - 1
  const workers = attempt.facts.results.map(({ worker }) => worker)
  const blamed = fault.workers.filter((worker) => workers.includes(worker))
  const findings = (blamed.length > 0 ? blamed : workers).map((worker): Finding => ({
    kind,
    worker,
    round,
  }))
  return sortFindings(findings, attempt.place.active)
}

/** Another worker, or the last updates, have the same parameters: no need to wait long for one at a time. */
const directoryTimeoutMs = 15_000

/** Gives up on one place after a while, or with the signal. */
async function within<T>(
  clock: Clock,
  get: (closing: AbortSignal) => Promise<T>,
  { signal }: Pick<StandingOptions, 'signal'>,
): Promise<T> {
  const [over, done] = [new AbortController(), new AbortController()]
  const close = () => over.abort()
  clock.sleep(directoryTimeoutMs, AbortSignal.any([done.signal, signal])).then(close, close)
  try {
    return await get(over.signal)
  } finally {
    done.abort()
  }
}

/** Digests of directories, those that most workers name first: a wrong one may never be served. */
function bySupport(results: readonly ResultView[]): Hex[] {
  const groups = Map.groupBy(results, ({ modelCidDigest }) => modelCidDigest)
  return [...groups].toSorted(([, a], [, b]) => b.length - a.length).map(([digest]) => digest)
}
