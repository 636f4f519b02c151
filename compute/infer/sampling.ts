import { AppError } from '#base/error.ts'
import { u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { streamKeyOf, tokenLayer, wordAt } from '../exact/random.ts'
import { exp } from '../exact/scalar.ts'

/** How a token is chosen from logits. Equal options, logits and place give the same token on every machine. */
export interface SamplingOptions {
  /** 0, the default, takes the greatest logit; distances of logits are divided by it before the softmax. */
  readonly temperature?: number
  /** Only so many of the greatest logits are kept; 0, the default, keeps all. */
  readonly topK?: number
  /** The fewest greatest probabilities whose sum reaches this are kept; 1, the default, keeps all. */
  readonly topP?: number
  /** A whole number; default 1. */
  readonly seed?: number
}

/** Chooses the token at a place: 0 for the first that is generated. */
export type Sampler = (logits: Float32Array, place: number) => number

const f = Math.fround
const temperatureMax = 100

/**
 * The sampler of SPEC.md ("Sampling"), all in binary32 and in a fixed order. Throws SAMPLING_INVALID for options out of
 * range; the sampler throws NON_FINITE for logits that are not finite.
 */
export function createSampler(options: SamplingOptions = {}): Sampler {
  const { temperature = 0, topK = 0, topP = 1, seed = 1 } = options
  requireRange('temperature', temperature, temperature >= 0 && temperature <= temperatureMax)
  requireRange('topK', topK, Number.isSafeInteger(topK) && topK >= 0)
  requireRange('topP', topP, topP > 0 && topP <= 1)
  requireRange('seed', seed, Number.isSafeInteger(seed) && seed >= 0)
  const divisor = f(temperature)
  if (divisor === 0) return (logits, place) => greatestOf(requireFinite(logits, place))
  const key = streamKeyOf(toHex(sha256(utf8('quern/tokens/1'), u64be(seed))), 0, tokenLayer)
  return (logits, place) => {
    const order = orderOf(requireFinite(logits, place)).slice(0, topK === 0 ? logits.length : topK)
    const most = logits[order[0] as number] as number
    const weights = Float32Array.from(order, (token) => {
      return exp(f(f((logits[token] as number) - most) / divisor))
    })
    const kept = topP === 1 ? weights : nucleusOf(weights, f(topP))
    return order[draw(kept, wordAt(key, place))] as number
  }
}

function requireRange(option: string, value: number, isRight: boolean): void {
  if (!isRight) throw new AppError({ code: 'SAMPLING_INVALID', option, value })
}

function requireFinite(logits: Float32Array, place: number): Float32Array {
  if (logits.every(Number.isFinite)) return logits
  throw new AppError({ code: 'NON_FINITE', place })
}

/** The greatest, the first of equals. */
function greatestOf(logits: Float32Array): number {
  return logits.reduce((best, logit, token) => (logit > (logits[best] as number) ? token : best), 0)
}

/** Tokens by falling logit, equals by rising number. */
function orderOf(logits: Float32Array): Uint32Array {
  const tokens = Uint32Array.from({ length: logits.length }, (_, token) => token)
  return tokens.toSorted((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)
}

function sumOf(weights: Float32Array): number {
  return weights.reduce((sum, weight) => f(sum + weight), 0)
}

/** The shortest start whose sum is at least `topP` of the whole. */
function nucleusOf(weights: Float32Array, topP: number): Float32Array {
  const wanted = f(topP * sumOf(weights))
  let sum = 0
  for (const [i, weight] of weights.entries()) {
    sum = f(sum + weight)
    if (sum >= wanted) return weights.subarray(0, i + 1)
  }
  return weights
}

/** The first place at which the running sum exceeds a share of the whole that 24 bits of the word give. */
function draw(weights: Float32Array, word: number): number {
  const wanted = f(f((word >>> 8) * 2 ** -24) * sumOf(weights))
  let sum = 0
  for (const [i, weight] of weights.entries()) {
    sum = f(sum + weight)
    if (sum > wanted) return i
  }
  return weights.length - 1
}
