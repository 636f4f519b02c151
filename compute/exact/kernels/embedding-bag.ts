// Means of rows of a table. Tokens that are no row of it, such as -1, are padding.

import { loadSome } from './elementwise'
import { storeSome } from './activation'

function countTokens(tokens: usize, positions: i32, tableRows: i32): i32 {
  let count = 0
  for (let t = 0; t < positions; t += 1, tokens += 4) {
    if (load<u32>(tokens) < <u32>tableRows) count += 1
  }
  return count
}

/** y[i] = (sum over t ascending, from 0, of table[tokens[i, t]]) / (number of tokens), or 0 where there is none. */
export function embeddingBag(
  table: usize,
  tableRows: i32,
  width: i32,
  tokens: usize,
  positions: i32,
  rows: i32,
  y: usize,
): void {
  const row = (<usize>width) << 2
  for (let i = 0; i < rows; i += 1, y += row) {
    const count = countTokens(tokens, positions, tableRows)
    memory.fill(y, 0, row)
    for (let t = 0; t < positions; t += 1, tokens += 4) {
      const token = load<u32>(tokens)
      if (token >= <u32>tableRows) continue
      const from = table + <usize>token * row
      for (let j = 0; j < width; j += 4) {
        const at = (<usize>j) << 2
        const sum = f32x4.add(loadSome(y + at, width - j), loadSome(from + at, width - j))
        storeSome(y + at, sum, width - j)
      }
    }
    if (count == 0) continue
    const by = f32x4.splat(f32(count))
    for (let j = 0; j < width; j += 4) {
      const at = (<usize>j) << 2
      storeSome(y + at, f32x4.div(loadSome(y + at, width - j), by), width - j)
    }
  }
}

/**
 * gradient[r, j] = sum over (i, t) ascending with tokens[i, t] = r, from 0, of dy[i, j] / (number of tokens of i),
 * for columns `from` to `to`.
 */
export function embeddingBagGradient(
  dy: usize,
  tokens: usize,
  positions: i32,
  rows: i32,
  gradient: usize,
  tableRows: i32,
  width: i32,
  from: i32,
  to: i32,
): void {
  const row = (<usize>width) << 2
  const start = (<usize>from) << 2
  const columns = to - from
  for (let r = 0; r < tableRows; r += 1) {
    memory.fill(gradient + <usize>r * row + start, 0, (<usize>columns) << 2)
  }
  for (let i = 0; i < rows; i += 1, dy += row) {
    const by = f32x4.splat(f32(countTokens(tokens, positions, tableRows)))
    for (let t = 0; t < positions; t += 1, tokens += 4) {
      const token = load<u32>(tokens)
      if (token >= <u32>tableRows) continue
      const target = gradient + <usize>token * row + start
      for (let j = 0; j < columns; j += 4) {
        const at = (<usize>j) << 2
        const share = f32x4.div(loadSome(dy + start + at, columns - j), by)
        storeSome(target + at, f32x4.add(loadSome(target + at, columns - j), share), columns - j)
      }
    }
  }
}
