import { AppError } from '#base/error.ts'
import type { Result } from '#chain/client/terms.ts'
import { buildModel, listFiles } from '#compute/export/model.ts'
import { decodeSafetensors, takeTensor } from '#compute/export/safetensors.ts'
import { initSeedOf } from '#compute/train/commit.ts'
import { segmentsRootOf } from '#compute/train/records.ts'
import type { Artifacts } from '#p2p/network.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { digestOfCid } from '#wire/cid.ts'
import type { JobSpec } from '#wire/job.ts'
import { type Transcript, transcriptFileName } from '#wire/segment.ts'
import { type AttemptPlace, pinOwner } from './place.ts'

/**
 * Publishes and pins the model directory and the transcript of a finished attempt, and answers what
 * `submitResult` takes.
 */
export async function buildResult(
  artifacts: Artifacts,
  place: AttemptPlace,
  work: { spec: JobSpec; transcript: Transcript; finalState: Uint8Array },
): Promise<Result> {
  const { spec, transcript } = work
  const owner = pinOwner(place.jobId)
  const model = buildModel({
    job: spec,
    initialSeed: initSeedOf(place.jobId, place.beacon),
    parameters: parametersOf(work.finalState),
  })
  const modelCid = await artifacts.addDirectory(listFiles(model.files), { owner })
  const transcriptCid = await artifacts.addDirectory(
    [{ name: transcriptFileName, bytes: canonicalBytes(transcript) }],
    { owner },
  )
  return {
    modelHash: model.modelHash,
    modelCidDigest: digestOfCid(modelCid),
    segmentsRoot: segmentsRootOf(transcript.records),
    transcriptCidDigest: digestOfCid(transcriptCid),
  }
}

function parametersOf(state: Uint8Array): Float32Array {
  const file = decodeSafetensors(state, { source: 'state' })
  const { values } = takeTensor(file, 'p', 'F32')
  if (values instanceof Float32Array) return values
  throw new AppError({ code: 'STATE_INVALID', reason: 'p is not F32' })
}
