import { assert } from './assert.ts'

/** A source of chance. Rules get it as an argument, so that a seed replays them. */
export interface Rng {
  /** The next 32 bits, as an integer from 0 to 2^32 - 1. */
  nextU32(): number
  /** An unbiased integer from 0 to `bound` - 1; `bound` is 1 to 2^32. */
  below(bound: number): number
}

/**
 * A seeded counter generator: output n is a hash of (seed, n), so that it has no state but the counter.
 * For jitter, tests and simulation; keys and the training stream have generators of their own.
 */
export function createRng(seed: number): Rng {
  assert(Number.isSafeInteger(seed) && seed >= 0, 'a seed is a non-negative integer')
  const key = mix(mix(seed >>> 0) ^ Math.floor(seed / 2 ** 32))
  let counter = 0

  function nextU32(): number {
    const high = Math.floor(counter / 2 ** 32)
    const drawn = mix(mix(key ^ (counter >>> 0)) + mix(key ^ high ^ 0x9e3779b9))
    counter += 1
    return drawn
  }

  return { nextU32, below: (bound) => belowOf(nextU32, bound) }
}

/** An unbiased integer below `bound` from a source of 32-bit words, by rejection. */
export function belowOf(nextU32: () => number, bound: number): number {
  assert(Number.isSafeInteger(bound) && bound >= 1 && bound <= 2 ** 32, 'bound is 1 to 2^32')
  const fairEnd = 2 ** 32 - (2 ** 32 % bound)
  for (;;) {
    const drawn = nextU32()
    if (drawn < fairEnd) return drawn % bound
  }
}

/** A bijective 32-bit mixer (the "lowbias32" constants of C. Wellons). */
function mix(word: number): number {
  let x = word >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}
