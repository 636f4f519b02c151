import { createBatch } from '#compute/backends/self-test.ts'
import { encodeSafetensors } from '#compute/export/safetensors.ts'
import type { TrainSpec } from '#wire/spec.ts'

const batchesInFile = 6

/** A rows file for a classifier of numbers: a few of the batches of the self-test. */
export function rowsFileOf(spec: TrainSpec): Uint8Array<ArrayBuffer> {
  const batches = Array.from({ length: batchesInFile }, (_, step) => createBatch(spec, step))
  const x = Float32Array.from(batches.flatMap((batch) => [...batch.x]))
  const y = Int32Array.from(batches.flatMap((batch) => [...batch.y]))
  return encodeSafetensors({
    x: { dtype: 'F32', shape: [y.length, ...spec.inputShape], values: x },
    y: { dtype: 'I32', shape: [y.length], values: y },
  })
}
