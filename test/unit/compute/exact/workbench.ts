import { type Kernels, createMemory, instantiateKernels } from '#compute/exact/kernels.ts'
import { createFloats, readWasm } from '../fixtures.ts'

const special = [0, -0, 1e-40, -1e-42, 1e-20, 3e18, -3e18, 1, -1]

/** Kernels over a memory in which tests put vectors one behind another. */
export interface Workbench {
  readonly kernels: Kernels
  /** Copies values into the memory and returns their address; surrounded by NaN, so that overruns show. */
  readonly put: (values: Float32Array | Int32Array) => number
  take(address: number, count: number): Float32Array
  scratch(sizeBytes: number): number
  /** Forgets all that was put. */
  clear(): void
  /** An integer from `low` to `high`. */
  integer(low: number, high: number): number
  /** Values from -1 to 1, or with `isWild` some zeros, denormal and huge ones among them. */
  values(count: number, isWild?: boolean): Float32Array
}

export async function createWorkbench(stream: number): Promise<Workbench> {
  const memory = createMemory(64 << 20)
  const kernels = instantiateKernels(await WebAssembly.compile(await readWasm()), memory)
  const next = createFloats(stream)
  const words = new Float32Array(memory.buffer)
  let end = 64

  function reserve(sizeBytes: number): number {
    const start = end
    end += Math.ceil(sizeBytes / 4) * 4 + 32
    words.fill(Number.NaN, start >> 2, end >> 2)
    return start
  }

  return {
    kernels,
    put(values) {
      const start = reserve(values.byteLength)
      const Values = values instanceof Int32Array ? Int32Array : Float32Array
      new Values(memory.buffer, start, values.length).set(values)
      return start
    },
    take: (address, count) => words.slice(address >> 2, (address >> 2) + count),
    scratch: reserve,
    clear() {
      end = 64
    },
    integer: (low, high) => low + Math.floor(((next() + 1) / 2) * (high - low + 1) * 0.999999),
    values: (count, isWild = false) =>
      Float32Array.from({ length: count }, () => {
        const value = next()
        const place = Math.floor((value + 1) * 40)
        return isWild && place < special.length ? (special[place] as number) : value
      }),
  }
}

/** The bits of binary32 values, so that 0 and -0 differ and denormals count. */
export function bitsOf(values: ArrayLike<number>): number[] {
  return [...new Uint32Array(Float32Array.from(values).buffer)]
}
