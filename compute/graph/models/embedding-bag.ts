import type { EmbeddingBagSpec } from '#wire/spec.ts'
import type { Builder } from '../builder.ts'
import type { Value } from '../graph.ts'

/** Mean of the embeddings of a row's tokens: tokens i32 [batch, positions] -> [batch, width]. */
export function embeddingBag(builder: Builder, model: EmbeddingBagSpec, tokens: Value): Value {
  const { vocabulary, width } = model
  const initial = { kind: 'normal', gain: 1, fanIn: width } as const
  const table = builder.parameter('embedding.weight', [vocabulary, width], initial)
  return builder.apply('EmbeddingBag', [table, tokens])[0] as Value
}
