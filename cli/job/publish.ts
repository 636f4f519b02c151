import { encryptBytes, seal, streamPrefixBytes } from '#base/crypto/seal.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import type { Artifacts } from '#p2p/network.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { type JobSpec, type SealedKey, heldOutContext, jobSpecSchema } from '#wire/job.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'

/** A specification whose files are in the artifact store, and its digest for the terms. */
export interface PublishedSpec {
  readonly spec: JobSpec
  readonly specDigest: Hex
  readonly slateVersion: bigint
}

/** An evaluator that can be drawn, as `EvaluatorPool.slate` tells it. */
interface SlateMember {
  readonly owner: Hex
  readonly x25519Key: Hex
}

/**
 * Puts the rows into the artifact store, the held-out part encrypted and its key sealed to everyone who can
 * be drawn, and the canonical specification beside them; all pinned for `owner`. Throws SPEC_TOO_LARGE,
 * EVALUATORS_MISSING, BLOCKSTORE_FULL.
 */
export async function publishSpec(
  deps: {
    artifacts: Artifacts
    reader: Pick<Transactor, 'read'>
    randomBytes: (size: number) => Uint8Array
  },
  prepared: PreparedJob,
  options: { name: string; engineId: Hex; owner: string },
): Promise<PublishedSpec> {
  const { artifacts, reader } = deps
  const { owner } = options
  const slateVersion = await reader.read<bigint>('EvaluatorPool', 'slateVersion')
  const slate = await reader.read<readonly SlateMember[]>('EvaluatorPool', 'slate')
  if (slate.length === 0) {
    const message = 'no evaluator is registered; start one with "quern evaluator start"'
    throw new AppError({ code: 'EVALUATORS_MISSING', message })
  }
  const key = deps.randomBytes(32)
  const prefix = deps.randomBytes(streamPrefixBytes)
  const heldOutBytes = await encryptBytes(prepared.heldOut.bytes, key, prefix)
  const trainCid = await artifacts.add(prepared.trainSet.bytes, { owner })
  const heldOutCid = await artifacts.add(heldOutBytes, { owner })
  const { rows, bytes } = prepared.trainSet
  const spec: JobSpec = jobSpecSchema.parse({
    version: 1,
    name: options.name,
    task: prepared.task,
    metric: prepared.metric,
    engineId: options.engineId,
    splitSeed: prepared.splitSeed,
    train: prepared.train,
    preprocessing: prepared.preprocessing,
    trainSet: { cid: trainCid, rows, sizeBytes: bytes.length },
    heldOut: {
      cid: heldOutCid,
      rows: prepared.heldOut.rows,
      sizeBytes: heldOutBytes.length,
      sealed: await sealToAll(key, slate, heldOutCid),
    },
  })
  const specDigest = await addSpec(artifacts, spec, owner)
  return { spec, specDigest, slateVersion }
}

async function addSpec(artifacts: Artifacts, spec: JobSpec, owner: string): Promise<Hex> {
  const specBytes = canonicalBytes(spec)
  if (specBytes.length > limits.artifactBlockBytes) {
    const message = `the specification has ${specBytes.length} bytes; drop columns with many categories`
    throw new AppError({ code: 'SPEC_TOO_LARGE', sizeBytes: specBytes.length, message })
  }
  await artifacts.add(specBytes, { owner })
  return toHex(sha256(specBytes))
}

async function sealToAll(
  key: Uint8Array,
  slate: readonly SlateMember[],
  heldOutCid: string,
): Promise<SealedKey[]> {
  const context = heldOutContext(heldOutCid)
  return Promise.all(
    slate.slice(0, limits.sealedKeysMax).map(async ({ owner, x25519Key }) => ({
      evaluator: owner.toLowerCase() as Hex,
      sealed: toHex(await seal(key, fromHex(x25519Key), context)),
    })),
  )
}
