import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'

const rowsTimeoutMs = 600_000

/** The path of the job's training rows: fetched once, then found. */
export async function fetchRows(
  deps: { artifacts: Artifacts; files: Files },
  { jobId, spec, owner }: { jobId: Hex; spec: JobSpec; owner: string },
  signal: AbortSignal,
): Promise<string> {
  const name = `${jobId}/train.safetensors`
  const path = deps.files.path(name)
  const { cid, sizeBytes } = spec.trainSet
  if ((await deps.files.size(name)) === sizeBytes) return path
  await deps.files.remove(name)
  await deps.files.make(jobId)
  const options = { owner, sizeBytesMax: sizeBytes, timeoutMs: rowsTimeoutMs, signal }
  await deps.artifacts.getFile(cid, path, options)
  await keepHeldOut(deps.artifacts, { spec, owner }, signal)
  return path
}

/** Holds the sealed held-out rows for the evaluators, so that the client may go offline. */
async function keepHeldOut(
  artifacts: Artifacts,
  { spec, owner }: { spec: JobSpec; owner: string },
  signal: AbortSignal,
): Promise<void> {
  const { cid, sizeBytes } = spec.heldOut
  await artifacts.get(cid, { owner, sizeBytesMax: sizeBytes, timeoutMs: rowsTimeoutMs, signal })
}
