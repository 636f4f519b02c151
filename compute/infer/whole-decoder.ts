import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { type TrainSpec, hasTokens } from '#wire/spec.ts'
import { createEngine } from '../exact/engine.ts'
import type { Decoder } from './decoder.ts'

/**
 * A decoder of a model that is given as its graph: the whole sequence runs again for every token, since nothing is
 * known of its inside. `parameters` is the flat vector p. Throws SPEC_INVALID for a graph that reads no tokens, and the
 * codes of `createEngine`.
 */
export async function createWholeDecoder(
  spec: TrainSpec,
  parameters: Float32Array,
  wasm: Uint8Array<ArrayBuffer>,
): Promise<Decoder> {
  const { outputs: vocabulary } = spec
  const [context = 0] = spec.inputShape
  if (!hasTokens(spec)) {
    throw new AppError({ code: 'SPEC_INVALID', reason: 'a graph of rows generates no tokens' })
  }
  const engine = await createEngine({ ...spec, batchSize: 1 }, wasm)
  engine.p.set(parameters)
  engine.x.fill(0)
  let length = 0
  return {
    context,
    vocabulary,
    rowsMax: context,
    get length() {
      return length
    },
    extend(tokens) {
      assert(tokens.length > 0 && length + tokens.length <= context, 'the tokens fit')
      const wrong = tokens.find((token) => token < 0 || token >= vocabulary)
      if (wrong !== undefined) {
        throw new AppError({ code: 'TOKEN_INVALID', token: wrong, vocabulary })
      }
      engine.x.set(tokens, length)
      const from = length * vocabulary
      length += tokens.length
      return engine.forward().logits.subarray(from, length * vocabulary)
    },
    reset() {
      length = 0
    },
    checkDenormals: engine.checkDenormals,
  }
}
