import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#wire/primitives.ts'
import { permutationOf, shuffleLayer, streamKeyOf } from '../exact/random.ts'

export interface Shard {
  readonly index: number
  readonly count: number
}

export interface BatchOptions {
  readonly segmentSeed: Hex
  /** Rows of the whole training set. */
  readonly rows: number
  readonly shard: Shard
  readonly batchSize: number
}

/** Rows of a shard: those i with i mod count = index. */
export function shardSizeOf(rows: number, { index, count }: Shard): number {
  return Math.max(0, Math.ceil((rows - index) / count))
}

/**
 * Batch k of a segment: the next `batchSize` rows of one shuffle of the shard after another (epochs of the
 * segment; epoch e is shuffled by the stream (segmentSeed, e)). Throws SHARD_EMPTY.
 */
export function createBatches(options: BatchOptions): (batch: number) => Int32Array {
  const { segmentSeed, rows, shard, batchSize } = options
  assert(shard.index < shard.count, 'a shard is one of its count')
  const size = shardSizeOf(rows, shard)
  if (size === 0) throw new AppError({ code: 'SHARD_EMPTY', rows, ...shard })
  let epoch = -1
  let order: Int32Array = new Int32Array(0)

  function rowAt(place: number): number {
    const wanted = Math.floor(place / size)
    if (wanted !== epoch) {
      epoch = wanted
      order = permutationOf(size, streamKeyOf(segmentSeed, epoch, shuffleLayer))
    }
    return shard.index + shard.count * (order[place % size] as number)
  }

  return (batch) => Int32Array.from({ length: batchSize }, (_, i) => rowAt(batch * batchSize + i))
}
