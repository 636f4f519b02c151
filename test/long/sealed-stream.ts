import { decryptBytes, encryptBytes, streamPrefixBytes } from '#base/crypto/seal.ts'
import { codeOf } from '#base/error.ts'
import { createRng } from '#base/rng.ts'

/** A stream of any length opens to what was sealed; one flipped bit anywhere, or a cut, is refused. */
export async function run(seed: number): Promise<{ sizeBytes: number; flips: number }> {
  const rng = createRng(seed)
  const random = (size: number) => Uint8Array.from({ length: size }, () => rng.below(256))
  const plain = random(rng.below(3_000_000))
  const key = random(32)
  const sealed = await encryptBytes(plain, key, random(streamPrefixBytes))
  const opened = await decryptBytes(sealed, key)
  if (!Buffer.from(opened).equals(plain)) throw new Error('the opened bytes differ')
  const flips = 20
  for (let flip = 0; flip < flips; flip += 1) {
    const changed = sealed.slice()
    const at = rng.below(changed.length)
    changed[at] = (changed[at] as number) ^ (1 << rng.below(8))
    await refuse(changed, key)
    await refuse(sealed.subarray(0, rng.below(sealed.length)), key)
  }
  return { sizeBytes: plain.length, flips }
}

async function refuse(bytes: Uint8Array, key: Uint8Array): Promise<void> {
  const code = await decryptBytes(bytes, key).then(() => 'opened', codeOf)
  if (code !== 'SEAL_INVALID') throw new Error(`a changed stream was not refused: ${code}`)
}
