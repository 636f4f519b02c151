type Pointer = number

/** The kernels of generation: compute/exact/kernels/decode.ts. */
export interface DecodeKernels {
  attendCached(
    ...args: [
      q: Pointer,
      keys: Pointer,
      values: Pointer,
      y: Pointer,
      rows: number,
      first: number,
      heads: number,
      size: number,
      context: number,
      scale: number,
      scores: Pointer,
    ]
  ): void
  cacheKeys(
    ...args: [
      x: Pointer,
      rows: number,
      width: number,
      cache: Pointer,
      context: number,
      first: number,
    ]
  ): void
}
