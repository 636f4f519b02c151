import { sampleStep } from '#compute/train/sample.ts'
import { stepCountOf } from '#compute/train/drawn.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import type { Exchange } from './exchange.ts'
import { type AttemptPlace, pinOwner } from './place.ts'
import type { Trainer } from './trainer.ts'

/**
 * Serves what the draw asks for: for every segment the state before its drawn step, as a pinned artifact named
 * in the job's topic.
 */
export async function publishOpenings(
  deps: { artifacts: Artifacts; files: Files; trainer: Trainer; exchange: Exchange },
  work: { place: AttemptPlace; transcript: Transcript; auditSeed: Hex },
  signal: AbortSignal,
): Promise<number> {
  const { artifacts, files, trainer, exchange } = deps
  const { place, transcript, auditSeed } = work
  for (const record of transcript.records) {
    signal.throwIfAborted()
    const { attempt, worker, segment } = record
    const stepCount = stepCountOf(record)
    const step = sampleStep(auditSeed, { attempt, worker, segment, stepCount })
    const { name, path } = await trainer.before({ segment, step }, signal)
    const sizeBytes = (await files.size(name)) ?? 0
    const cid = await artifacts.addFile(path, { owner: pinOwner(place.jobId) })
    await exchange.announceOpening({ segment, step, cid, sizeBytes })
  }
  await trainer.clear()
  return transcript.records.length
}
