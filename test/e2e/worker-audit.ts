import { openJobLog } from '#p2p/job-log.ts'
import type { JobView } from '#chain/client/view.ts'
import { signerOf } from '#chain/client/typed.ts'
import { modelHashOf, manifestOf } from '#compute/export/model.ts'
import { checkAttempt, type Served } from '#compute/train/check.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import { initSeedOf, segmentSeedOf } from '#compute/train/commit.ts'
import { drawSteps } from '#compute/train/drawn.ts'
import { createRunner } from '#compute/runner-process.ts'
import { fetchTranscript } from '#evaluator/fetch.ts'
import { rerunStep } from '#evaluator/rerun.ts'
import { realClock } from '#cli/real-clock.ts'
import { devChainId } from '#wire/addresses.ts'
import { parseJson } from '#wire/canonical.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { type OpeningEntry, topicEntrySchema } from '#wire/topic.ts'
import { closedListsOf } from '#compute/train/closed.ts'
import { jobManager, type World } from './worker-world.ts'

/** Against hanging only. */
const waitMsMax = 240_000
const triesMax = 5_000

/** What an evaluator finds about each worker: kinds of findings, and how the drawn steps compare. */
export interface Audit {
  readonly findings: readonly { kind: string; worker: Hex }[]
  readonly repeats: ReadonlyMap<Hex, readonly string[]>
  readonly transcripts: ReadonlyMap<Hex, Transcript>
}

/** Audits the current attempt from what the workers serve, on the machine of the first one. */
export async function auditWorld(world: World, spec: JobSpec, view: JobView): Promise<Audit> {
  const { market, jobId, machines } = world
  const { artifacts, files } = machines[0]!
  const beacon = (await market.feed.randomness(view.beaconHeight!)) as Hex
  const auditSeed = (await market.feed.randomness(view.auditHeight!)) as Hex
  const active = view.active.map((index) => view.workers[index] as Hex)
  const { attempt } = view
  const runner = createRunner()
  try {
    const trainFile = files.path(`${jobId}/train.safetensors`)
    const opened = await runner.open({ spec: spec.train, trainFile, threads: 1 })
    const initialSeed = initSeedOf(jobId, beacon)
    const served = new Map<Hex, Served>()
    const closing = AbortSignal.timeout(waitMsMax)
    for (const { worker, transcriptCidDigest } of view.results) {
      const options = { owner: 'audit', closing }
      served.set(
        worker,
        await fetchTranscript({ artifacts, clock: realClock }, transcriptCidDigest, options),
      )
    }
    const transcripts = new Map(
      [...served].filter((pair): pair is [Hex, Transcript] => typeof pair[1] === 'object'),
    )
    const signers = await signersIn(world, view, [...transcripts.values()])
    const { findings } = checkAttempt(
      {
        jobId,
        attempt,
        train: spec.train,
        active,
        results: view.results,
        closedRounds: closedListsOf(view, 4 * opened.parameterCount),
        initial: await runner.initialState({ seed: initialSeed, to: files.path('audit-initial') }),
        flopsPerStep: opened.flopsPerStep,
        signerOf: (round, listHash, signature) => signers.get(`${round}/${listHash}/${signature}`),
        modelHashOf: (modelRoot) => modelHashOf(manifestOf({ job: spec, initialSeed }, modelRoot)),
      },
      served,
    )
    const repeats = new Map<Hex, string[]>()
    for (const [worker, transcript] of transcripts) {
      const outcomes: string[] = []
      for (const drawn of drawSteps(spec.train, transcript, { auditSeed })) {
        if (drawn.kind !== 'local') continue
        const opening = await openingOf(world, { ...drawn, worker, attempt })
        if (!opening) {
          outcomes.push('withheld')
          continue
        }
        const state = `audit-${worker}-${drawn.segment}-${drawn.step}`
        await artifacts.getFile(opening.cid, files.path(state), { timeoutMs: waitMsMax })
        const bench = {
          runner,
          files,
          segmentSeed: (of: Hex, segment: number) =>
            segmentSeedOf({ chainId: devChainId, beacon, jobId, segment, worker: of, attempt }),
          shard: (of: Hex) => ({ index: active.indexOf(of), count: active.length }),
        }
        const repetition = await rerunStep(bench, drawn, { state, signal: closing })
        outcomes.push(repetition?.kind ?? 'foreign')
      }
      repeats.set(worker, outcomes)
    }
    return { findings, repeats, transcripts }
  } finally {
    await runner.close()
  }
}

/** What a worker serves for a drawn step. Once it has told that it opened, the first machine will hear of it. */
async function openingOf(
  world: World,
  drawn: Pick<OpeningEntry, 'worker' | 'attempt' | 'segment' | 'step'>,
): Promise<OpeningEntry | undefined> {
  const { worker, attempt, segment, step } = drawn
  const { progress = [] } = world.machines.find(({ owner }) => owner === worker) ?? {}
  const hasOpened = progress.some((told) => told.kind === 'opened' && told.attempt === attempt)
  for (let tries = 0; tries < triesMax; tries += 1) {
    const openings = await openingsOf(world, attempt)
    const found = openings.find(
      (entry) => entry.worker === worker && entry.segment === segment && entry.step === step,
    )
    if (found || !hasOpened) return found
    await realClock.sleep(20)
  }
  throw new Error('what was opened did not come')
}

async function openingsOf({ jobId, machines }: World, attempt: number): Promise<OpeningEntry[]> {
  const log = await openJobLog(machines[0]!.files.path(`${jobId}/topic.log`))
  const entries = log.entries().map(({ body }) => topicEntrySchema.parse(parseJson(body)))
  await log.close()
  return entries.filter(
    (entry): entry is OpeningEntry => entry.kind === 'opening' && entry.attempt === attempt,
  )
}

async function signersIn(
  { market, jobId }: World,
  view: JobView,
  transcripts: readonly Transcript[],
) {
  const signers = new Map<string, Hex>()
  for (const { round, list, signatures } of transcripts.flatMap(({ rounds }) => rounds)) {
    const listHash = listHashOf(list)
    for (const { worker, signature } of signatures) {
      const message = { jobId, attempt: view.attempt, round, listHash }
      const place = { chainId: devChainId, jobManager }
      const operator = await signerOf(place, { type: 'RoundList', message }, signature)
      const entry = await market.registry.entryOf(worker)
      if (operator === entry.operator) signers.set(`${round}/${listHash}/${signature}`, worker)
    }
  }
  return signers
}
