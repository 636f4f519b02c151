import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Artifacts, GetOptions } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import { parseJson } from '#wire/canonical.ts'
import { cidOfDigest } from '#wire/cid.ts'
import { type JobSpec, jobSpecSchema } from '#wire/job.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'

const rowsTimeoutMs = 600_000

/** The job's specification behind the digest in its terms. Throws SPEC_INVALID and the codes of artifacts. */
export async function fetchSpec(
  artifacts: Artifacts,
  specDigest: Hex,
  options: GetOptions,
): Promise<JobSpec> {
  const sizeBytesMax = limits.artifactBlockBytes
  const bytes = await artifacts.get(cidOfDigest(specDigest), { ...options, sizeBytesMax })
  const parsed = jobSpecSchema.safeParse(parseJson(bytes))
  if (parsed.success && toHex(sha256(bytes)) === specDigest) return parsed.data
  throw new AppError({ code: 'SPEC_INVALID', specDigest, reason: parsed.error?.issues[0]?.message })
}

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
  return path
}
