import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { type Kernels, compileKernels, createMemory, instantiateKernels } from './kernels.ts'

const iterations = 3
const updatesMax = 8
const headBytes = 128 // scales and space for sorting

/**
 * One vector from the updates of a round, in list order. `centeredClip` (Karimireddy et al. 2021) starts at the
 * coordinate-wise median and makes 3 steps v += mean of (u_i - v) * min(1, t / |u_i - v|), t being the lower
 * median of the distances. Throws MEMORY_LIMIT or NON_FINITE.
 */
export async function aggregateUpdates(
  updates: readonly Float32Array[],
  method: 'mean' | 'centeredClip',
  { wasm, memoryBytesMax }: { wasm: Uint8Array<ArrayBuffer>; memoryBytesMax: number },
): Promise<Float32Array> {
  const [first] = updates
  assert(first && updates.length <= updatesMax, `a round has 1 to ${updatesMax} updates`)
  const count = first.length
  const sizeBytes = headBytes + 4 * count * (updates.length + 1)
  if (sizeBytes > memoryBytesMax) {
    throw new AppError({ code: 'MEMORY_LIMIT', sizeBytes, sizeBytesMax: memoryBytesMax })
  }
  const memory = createMemory(sizeBytes)
  const kernels = instantiateKernels(await compileKernels(wasm), memory)
  const result = headBytes
  const sources = result + 4 * count
  const stack = new Float32Array(memory.buffer, sources, count * updates.length)
  for (const [i, update] of updates.entries()) stack.set(update, i * count)
  const job = { memory, kernels, result, sources, count, updates: updates.length }
  if (method === 'mean') kernels.mean(sources, updates.length, count, result)
  else centeredClip(job)
  if (kernels.allFinite(result, count) !== 1) throw new AppError({ code: 'NON_FINITE' })
  return new Float32Array(memory.buffer, result, count).slice()
}

interface Job {
  readonly memory: WebAssembly.Memory
  readonly kernels: Kernels
  readonly result: number
  readonly sources: number
  readonly count: number
  readonly updates: number
}

function centeredClip({ memory, kernels, result, sources, count, updates }: Job): void {
  const scaleBytes = 4 * updatesMax
  const scales = new Float32Array(memory.buffer, 0, updates)
  kernels.median(sources, updates, count, result, scaleBytes)
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const distances = Array.from({ length: updates }, (_, i) =>
      kernels.distance(sources + 4 * count * i, result, count),
    )
    const sorted = distances.toSorted((a, b) => a - b)
    const threshold = sorted[(updates - 1) >> 1] as number
    for (const [i, distance] of distances.entries()) {
      scales[i] = distance > threshold ? Math.fround(threshold / distance) : 1
    }
    kernels.clipStep(sources, updates, count, 0, result)
  }
}
