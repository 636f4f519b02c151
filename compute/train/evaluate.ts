import { type TrainSpec, hasTokens } from '#wire/spec.ts'
import type { Engine } from '../exact/engine.ts'
import { type Rows, loadBatch } from './rows.ts'
import type { Evaluation } from '../runner.ts'

/**
 * Loss and metric over all rows, in batches. Sums run over rows in order in binary64, so that the figures are
 * the same everywhere. Metric: the share of rows (of tokens, over all places) whose greatest logit (the first of
 * equals) is their class, and the loss is the mean of these; or
 * r2 = 1 - (sum of squared errors) / (sum of squared distances from the mean target), 0 for constant targets.
 */
export function evaluateRows(engine: Engine, spec: TrainSpec, rows: Rows): Evaluation {
  const { outputs } = spec
  const perRow = hasTokens(spec) ? rows.y.length / rows.count : 1
  let lossSum = 0
  let hits = 0
  eachBatch(engine, rows, ({ logits, losses, first, count }) => {
    for (let i = 0; i < count * perRow; i += 1) {
      lossSum += losses[i] as number
      if (spec.loss !== 'crossEntropy') continue
      const row = logits.subarray(i * outputs, (i + 1) * outputs)
      if (greatestOf(row) === rows.y[first * perRow + i]) hits += 1
    }
  })
  if (spec.loss === 'crossEntropy') {
    const places = rows.count * perRow
    return { metric: hits / places, loss: lossSum / places, rows: rows.count }
  }
  const spread = spreadOf(rows, outputs)
  const metric = spread === 0 ? 0 : 1 - lossSum / spread
  return { metric, loss: lossSum / (rows.count * outputs), rows: rows.count }
}

/** Outputs of the model for every row, [rows, outputs]. */
export function predictRows(engine: Engine, spec: TrainSpec, rows: Rows): Float32Array {
  const found = new Float32Array(rows.count * spec.outputs)
  eachBatch(engine, rows, ({ logits, first, count }) => {
    found.set(logits.subarray(0, count * spec.outputs), first * spec.outputs)
  })
  return found
}

interface Batch {
  readonly logits: Float32Array
  readonly losses: Float32Array
  readonly first: number
  readonly count: number
}

function eachBatch(engine: Engine, rows: Rows, onBatch: (batch: Batch) => void): void {
  engine.checkDenormals()
  for (let first = 0; first < rows.count; first += engine.batchSize) {
    const count = Math.min(engine.batchSize, rows.count - first)
    loadBatch(
      engine,
      rows,
      Array.from({ length: count }, (_, i) => first + i),
    )
    onBatch({ ...engine.forward(), first, count })
  }
}

function greatestOf(row: Float32Array): number {
  let best = 0
  for (let j = 1; j < row.length; j += 1) {
    if ((row[j] as number) > (row[best] as number)) best = j
  }
  return best
}

/** Sum over outputs of the squared distances of targets from their mean. */
function spreadOf({ y, count }: Rows, outputs: number): number {
  let spread = 0
  for (let j = 0; j < outputs; j += 1) {
    let sum = 0
    for (let i = 0; i < count; i += 1) sum += y[i * outputs + j] as number
    const mean = sum / count
    for (let i = 0; i < count; i += 1) {
      const distance = (y[i * outputs + j] as number) - mean
      spread += distance * distance
    }
  }
  return spread
}
