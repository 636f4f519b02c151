import { decryptBytes, unseal } from '#base/crypto/seal.ts'
import { codeOf } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { zeroHash } from '#compute/train/commit.ts'
import type { Evaluation, Runner } from '#compute/runner.ts'
import type { Files } from '#store/files.ts'
import { type JobSpec, heldOutContext } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'

const microsMax = 2 ** 53 - 1

/**
 * The key of the held-out part, from what the client sealed to this evaluator; zero when it sealed nothing
 * that opens.
 */
export async function openHeldOutKey(
  { heldOut }: Pick<JobSpec, 'heldOut'>,
  evaluator: Hex,
  sealKey: Uint8Array,
): Promise<Hex> {
  const own = heldOut.sealed.find((sealed) => sealed.evaluator === evaluator)
  if (own === undefined) return zeroHash
  try {
    const key = await unseal(fromHex(own.sealed), sealKey, heldOutContext(heldOut.cid))
    return key.length === 32 ? toHex(key) : zeroHash
  } catch (error) {
    if (codeOf(error) === 'SEAL_INVALID') return zeroHash
    throw error
  }
}

/**
 * The metric of a model on the encrypted held-out rows, in millionths. Rows that do not decrypt, or are
 * none, are the client's fault: the workers are judged by their steps alone and the metric is 0.
 */
export async function evaluateHeldOut(
  deps: { runner: Pick<Runner, 'evaluate'>; files: Files },
  sealed: { bytes: Uint8Array; key: Hex },
  options: { parameters: Float32Array; folder: string; signal?: AbortSignal },
): Promise<bigint> {
  const { runner, files } = deps
  const { parameters, folder, signal } = options
  const rowsFile = `${folder}/held-out.safetensors`
  const model = `${folder}/model.f32`
  try {
    const { buffer, byteOffset, byteLength } = parameters
    await files.write(model, new Uint8Array(buffer, byteOffset, byteLength))
    await files.write(rowsFile, await decryptBytes(sealed.bytes, fromHex(sealed.key)))
    const task = { model: files.path(model), rowsFile: files.path(rowsFile) }
    return metricMicrosOf(await runner.evaluate(task, { signal }))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'SEAL_INVALID' || code === 'ROWS_INVALID' || code === 'NON_FINITE') return 0n
    throw error
  } finally {
    await files.remove(rowsFile)
    await files.remove(model)
  }
}

/** A metric as the chain keeps it: millionths, rounded; 0 when it is none. */
export function metricMicrosOf({ metric }: Pick<Evaluation, 'metric'>): bigint {
  if (!Number.isFinite(metric)) return 0n
  const micros = Math.round(metric * 1_000_000)
  return BigInt(Math.max(-microsMax, Math.min(microsMax, micros)))
}
