import { type Draw, drawSteps } from '#compute/train/drawn.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Transcript } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Clock } from '#base/clock.ts'
import type { Exchange } from './exchange.ts'
import type { MisbehaveKind } from './misbehave.ts'
import { type AttemptPlace, pinOwner } from './place.ts'
import type { Trainer } from './trainer.ts'

/**
 * Serves what the draw asks for: the state before each drawn step of every segment, as a pinned artifact named in
 * the job's topic. Answers how many segments there are.
 */
export async function publishOpenings(
  deps: OpeningDeps,
  work: {
    place: AttemptPlace
    transcript: Transcript
    train: TrainSpec
    draw: Draw
    misbehave?: MisbehaveKind | undefined
  },
  signal: AbortSignal,
): Promise<number> {
  const { artifacts, files, trainer, exchange, clock } = deps
  const { place, transcript, train, draw, misbehave } = work
  if (misbehave === 'slow-states') await clock.sleep(slowMs, signal)
  for (const { segment, step } of drawSteps(train, transcript, draw)) {
    signal.throwIfAborted()
    const { name, path } = await trainer.before({ segment, step }, signal)
    const sizeBytes = (await files.size(name)) ?? 0
    const cid = await artifacts.addFile(path, { owner: pinOwner(place.jobId) })
    if (misbehave === 'two-states') await announceOther(deps, { place, segment, step }, signal)
    await exchange.announceOpening({ segment, step, cid, sizeBytes })
  }
  await trainer.clear()
  return transcript.records.length
}

interface OpeningDeps {
  readonly artifacts: Artifacts
  readonly files: Files
  readonly trainer: Trainer
  readonly exchange: Exchange
  readonly clock: Clock
}

/** How long a cheat lets evaluators wait for what was drawn. */
const slowMs = 20_000

/** A cheat's second word for a drawn step: the job's first state. */
async function announceOther(
  { artifacts, files, trainer, exchange }: OpeningDeps,
  { place, segment, step }: { place: AttemptPlace; segment: number; step: number },
  signal: AbortSignal,
): Promise<void> {
  const { name, path } = await trainer.checkpoint(0, signal)
  const sizeBytes = (await files.size(name)) ?? 0
  const cid = await artifacts.addFile(path, { owner: pinOwner(place.jobId) })
  await exchange.announceOpening({ segment, step, cid, sizeBytes })
}
