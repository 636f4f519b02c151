// What generating token after token needs. Sums are those of whole sequences, term for term.

import { softmaxRow } from './attention'
import { gemv } from './gemv'

/** Row i of x [rows, width] becomes column `first` + i of the cache [width, context]. */
export function cacheKeys(
  x: usize,
  rows: i32,
  width: i32,
  cache: usize,
  context: i32,
  first: i32,
): void {
  for (let i = 0; i < rows; i += 1) {
    let to = cache + ((<usize>(first + i)) << 2)
    for (let j = 0; j < width; j += 1, x += 4, to += (<usize>context) << 2)
      store<f32>(to, load<f32>(x))
  }
}

/**
 * Attention of rows at places `first` and on, to all places up to their own: q, y [rows, heads * size], keys
 * [heads * size, context], values [context, heads * size]. `scores` has room for `context` values.
 */
export function attendCached(
  q: usize,
  keys: usize,
  values: usize,
  y: usize,
  rows: i32,
  first: i32,
  heads: i32,
  size: i32,
  context: i32,
  scale: f32,
  scores: usize,
): void {
  const head = (<usize>size) << 2
  for (let i = 0; i < rows; i += 1) {
    const count = first + i + 1
    let headKeys = keys
    let headValues = values
    for (let h = 0; h < heads; h += 1, q += head, y += head) {
      gemv(q, size, headKeys, context, scores, 0, count)
      softmaxRow(scores, count, count, scale)
      gemv(scores, count, headValues, heads * size, y, 0, size)
      headKeys += head * <usize>context
      headValues += head
    }
  }
}
