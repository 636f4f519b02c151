import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import { parseJson } from '#wire/canonical.ts'
import { cidOfDigest } from '#wire/cid.ts'
import { type JobSpec, jobSpecSchema } from '#wire/job.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Artifacts, GetOptions } from './network.ts'

/** The specification that a job's terms name by digest. Throws ARTIFACT_MISSING or SPEC_INVALID. */
export async function fetchJobSpec(
  artifacts: Pick<Artifacts, 'get'>,
  specDigest: Hex,
  options: GetOptions = {},
): Promise<JobSpec> {
  const sizeBytesMax = limits.artifactBlockBytes // one raw block, so that its CID is its digest
  const bytes = await artifacts.get(cidOfDigest(specDigest), { ...options, sizeBytesMax })
  const parsed = jobSpecSchema.safeParse(parseJson(bytes))
  if (parsed.success && toHex(sha256(bytes)) === specDigest) return parsed.data
  const reason = parsed.error?.issues[0]?.message
  throw new AppError({ code: 'SPEC_INVALID', specDigest, reason })
}
