import { AppError } from '#base/error.ts'
import { limits } from '#wire/limits.ts'
import { vocabulary } from '#wire/vocabulary.ts'
import type { Decoder } from './decoder.ts'
import { type SamplingOptions, createSampler } from './sampling.ts'

/** What is generated: up to `tokensMax` tokens behind a prompt. */
export interface Generation extends SamplingOptions {
  /** An empty prompt is the beginning of a document. */
  readonly prompt: Int32Array
  readonly tokensMax: number
}

/**
 * Tokens behind a prompt, one at a time, until `tokensMax` or the end of the text. Prompts longer than the context
 * count by their end. When the context is full it slides: the later half of its tokens is read again, from the first
 * place on, and goes on growing; so every token follows from a sequence that begins at place 0. Equal models,
 * prompts and options give equal tokens everywhere. Runs in Node and in browsers. Throws TOKENS_INVALID,
 * SAMPLING_INVALID, TOKEN_INVALID, NON_FINITE, DENORMALS_FLUSHED.
 */
export function* generateTokens(decoder: Decoder, generation: Generation): Generator<number, void> {
  const { prompt, tokensMax } = generation
  if (!(
    Number.isSafeInteger(tokensMax) &&
    tokensMax >= 0 &&
    tokensMax <= limits.generatedTokensMax
  )) {
    throw new AppError({ code: 'TOKENS_INVALID', tokensMax })
  }
  const sample = createSampler(generation)
  const start = prompt.length === 0 ? Int32Array.of(vocabulary.endOfText) : prompt
  let window = Array.from(start.subarray(-decoder.context))
  decoder.checkDenormals()
  decoder.reset()
  let logits = readAll(decoder, window)
  for (let place = 0; place < tokensMax; place += 1) {
    const token = sample(logits, place)
    if (token === vocabulary.endOfText) break
    yield token
    window.push(token)
    const isFull = decoder.length === decoder.context
    if (isFull) {
      window = window.slice(-Math.ceil(decoder.context / 2))
      decoder.reset()
    }
    if (place + 1 < tokensMax) logits = readAll(decoder, isFull ? window : [token])
  }
  decoder.checkDenormals()
}

/** Logits behind the last of some tokens. */
function readAll(decoder: Decoder, tokens: readonly number[]): Float32Array {
  let logits: Float32Array = new Float32Array(0)
  for (let from = 0; from < tokens.length; from += decoder.rowsMax) {
    logits = decoder.extend(Int32Array.from(tokens.slice(from, from + decoder.rowsMax)))
  }
  return logits.subarray(-decoder.vocabulary)
}
