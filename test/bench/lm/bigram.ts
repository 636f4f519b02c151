import type { Rows } from '#compute/train/rows.ts'

const smoothings = [0.001, 0.01, 0.03, 0.1, 0.3, 1] as const

/**
 * Mean loss in nats on held-out rows of a bigram model fitted on the training rows: counts plus a constant. Of several
 * constants the one that suits the held-out rows best, in favour of the bigram model.
 */
export function bigramLoss(train: Rows, heldOut: Rows, vocabulary: number): number {
  const pairs = new Float64Array(vocabulary * vocabulary)
  const singles = new Float64Array(vocabulary)
  for (const [i, token] of train.x.entries()) {
    const at = token * vocabulary + (train.y[i] as number)
    pairs[at] = (pairs[at] as number) + 1
    singles[token] = (singles[token] as number) + 1
  }
  const losses = smoothings.map((added) => {
    let sum = 0
    for (const [i, token] of heldOut.x.entries()) {
      const count = pairs[token * vocabulary + (heldOut.y[i] as number)] as number
      sum -= Math.log((count + added) / ((singles[token] as number) + added * vocabulary))
    }
    return sum / heldOut.x.length
  })
  return Math.min(...losses)
}
