import { type AuditRate, sampleSteps } from '#compute/train/sample.ts'
import { stepCountOf } from '#compute/train/drawn.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import type { Exchange } from './exchange.ts'
import { type AttemptPlace, pinOwner } from './place.ts'
import type { Trainer } from './trainer.ts'

/**
 * Serves what the draw asks for: the state before each drawn step of every segment, as a pinned artifact named in
 * the job's topic. Answers how many segments there are.
 */
export async function publishOpenings(
  deps: { artifacts: Artifacts; files: Files; trainer: Trainer; exchange: Exchange },
  work: { place: AttemptPlace; transcript: Transcript; auditSeed: Hex; rate: AuditRate },
  signal: AbortSignal,
): Promise<number> {
  const { artifacts, files, trainer, exchange } = deps
  const { place, transcript, auditSeed, rate } = work
  const segmentCount = transcript.records.length
  for (const record of transcript.records) {
    const { attempt, worker, segment } = record
    const drawn = { attempt, worker, segment, stepCount: stepCountOf(record), segmentCount }
    for (const step of sampleSteps(auditSeed, drawn, rate)) {
      signal.throwIfAborted()
      const { name, path } = await trainer.before({ segment, step }, signal)
      const sizeBytes = (await files.size(name)) ?? 0
      const cid = await artifacts.addFile(path, { owner: pinOwner(place.jobId) })
      await exchange.announceOpening({ segment, step, cid, sizeBytes })
    }
  }
  await trainer.clear()
  return transcript.records.length
}
