import { randomBytes as nodeRandomBytes } from 'node:crypto'
import { type Rng, belowOf } from '#base/rng.ts'

/** Fresh bytes from the operating system, for keys, salts and nonces. */
export function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(nodeRandomBytes(size))
}

/** Chance from the operating system, for jitter and shuffles. */
export const realRng: Rng = {
  nextU32,
  below: (bound) => belowOf(nextU32, bound),
}

function nextU32(): number {
  return nodeRandomBytes(4).readUInt32BE()
}
