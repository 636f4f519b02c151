import type { Rng } from '#base/rng.ts'
import { assert } from '#base/assert.ts'

export type Split = { readonly train: Uint32Array; readonly test: Uint32Array }

/** Fisher-Yates, in place. */
export function shuffle<Rows extends Uint32Array | Int32Array>(rows: Rows, rng: Rng): Rows {
  for (let last = rows.length - 1; last > 0; last--) {
    const other = rng.below(last + 1)
    const held = rows[last] as number
    rows[last] = rows[other] as number
    rows[other] = held
  }
  return rows
}

/**
 * Splits rows into shuffled parts; the test part has round(rows * testShare) of them. With `classes` (class of each
 * entry of `rows`) every class gets its share, by largest remainder, and keeps a row to train on.
 */
export function splitRows(
  rows: Uint32Array,
  options: { readonly testShare: number; readonly rng: Rng; readonly classes?: Int32Array },
): Split {
  const { testShare, rng, classes } = options
  assert(testShare > 0 && testShare < 1, 'a test share is between 0 and 1')
  const groups = classes ? groupBy(rows, classes) : [rows.slice()]
  const counts = share(
    groups.map((group) => group.length),
    { testShare, testCount: Math.round(rows.length * testShare) },
  )
  const train = new Uint32Array(rows.length - counts.reduce((a, b) => a + b, 0))
  const test = new Uint32Array(rows.length - train.length)
  let trainAt = 0
  let testAt = 0
  for (const [i, group] of groups.entries()) {
    const count = counts[i] as number
    shuffle(group, rng)
    test.set(group.subarray(0, count), testAt)
    train.set(group.subarray(count), trainAt)
    testAt += count
    trainAt += group.length - count
  }
  return { train: shuffle(train, rng), test: shuffle(test, rng) }
}

function groupBy(rows: Uint32Array, classes: Int32Array): Uint32Array[] {
  const groups = new Map<number, number[]>()
  for (const [i, row] of rows.entries()) {
    const group = groups.get(classes[i] as number)
    if (group) group.push(row)
    else groups.set(classes[i] as number, [row])
  }
  return [...groups.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([, group]) => Uint32Array.from(group))
}

function share(sizes: readonly number[], goal: { testShare: number; testCount: number }): number[] {
  const counts = sizes.map((size) => Math.min(size - 1, Math.floor(size * goal.testShare)))
  let missing = goal.testCount - counts.reduce((a, b) => a + b, 0)
  const remainder = (i: number) => (sizes[i] as number) * goal.testShare - (counts[i] as number)
  const order = sizes.map((_, i) => i).toSorted((a, b) => remainder(b) - remainder(a) || a - b)
  for (const i of order) {
    if (missing <= 0) break
    if ((counts[i] as number) + 1 >= (sizes[i] as number)) continue
    counts[i] = (counts[i] as number) + 1
    missing -= 1
  }
  return counts
}
