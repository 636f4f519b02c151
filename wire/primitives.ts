import { z } from 'zod'

/** Hexadecimal bytes with their 0x prefix. */
export type Hex = `0x${string}`

function hexOf(bytes: number) {
  const pattern = new RegExp(`^0x[0-9a-f]{${bytes * 2}}$`)
  return z.custom<Hex>((value) => typeof value === 'string' && pattern.test(value), {
    error: `expected ${bytes} bytes as lower-case hex with 0x`,
  })
}

/** 32 bytes: hashes, roots, job ids, seeds. */
export const hash32 = hexOf(32)
/** An account, lower case. */
export const address = hexOf(20)
/** An Ethereum signature r | s | v. */
export const signature65 = hexOf(65)
/** A validator's BLS12-381 public key, compressed. */
export const blsKey = hexOf(48)
/** A BLS12-381 signature, compressed. */
export const blsSignature = hexOf(96)
/** Bytes of any length up to 64 KiB. */
export const hexBytes = z.custom<Hex>(
  (value) => typeof value === 'string' && /^0x([0-9a-f]{2}){0,65536}$/.test(value),
  { error: 'expected bytes as lower-case hex with 0x' },
)
/** An amount in wei as a decimal string in JSON; parsed into a bigint. */
export const wei = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,77})$/)
  .transform((text) => BigInt(text))
/** A CIDv1 in its base32 text form. */
export const cid = z.string().regex(/^b[a-z2-7]{20,100}$/)
/** A non-negative integer that JavaScript holds exactly. */
export const count = z.int().min(0)
