type Pointer = number

/** The kernels of transformers: compute/exact/kernels/{activation,attention,dropout,embedding,norm}.ts. */
export interface TransformerKernels {
  attend(
    ...args: [
      q: Pointer,
      k: Pointer,
      v: Pointer,
      y: Pointer,
      probabilities: Pointer,
      heads: number,
      context: number,
      size: number,
      scale: number,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  attendGradient(
    ...args: [
      q: Pointer,
      k: Pointer,
      v: Pointer,
      probabilities: Pointer,
      dy: Pointer,
      dq: Pointer,
      dk: Pointer,
      dv: Pointer,
      heads: number,
      context: number,
      size: number,
      scale: number,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  attentionScratchBytes(context: number, size: number): number
  dropout(
    ...args: [
      x: Pointer,
      y: Pointer,
      from: number,
      to: number,
      key: Pointer,
      limit: number,
      scale: number,
      scratch: Pointer,
    ]
  ): void
  gather(
    ...args: [table: Pointer, indices: Pointer, rows: number, columns: number, y: Pointer]
  ): void
  gatherGradient(
    ...args: [
      dy: Pointer,
      indices: Pointer,
      rows: number,
      columns: number,
      tableRows: number,
      gradient: Pointer,
      from: number,
      to: number,
    ]
  ): void
  gelu(x: Pointer, y: Pointer, count: number): void
  geluErf(x: Pointer, y: Pointer, count: number): void
  geluErfGradient(x: Pointer, dy: Pointer, dx: Pointer, count: number): void
  geluGradient(x: Pointer, dy: Pointer, dx: Pointer, count: number): void
  multiply(a: Pointer, b: Pointer, y: Pointer, count: number): void
  /** `bias` or `means` 0: without. */
  normalize(
    ...args: [
      x: Pointer,
      gain: Pointer,
      bias: Pointer,
      rows: number,
      columns: number,
      epsilon: number,
      y: Pointer,
      means: Pointer,
      scales: Pointer,
    ]
  ): void
  normalizeGradient(
    ...args: [
      dy: Pointer,
      x: Pointer,
      gain: Pointer,
      means: Pointer,
      scales: Pointer,
      rows: number,
      columns: number,
      dx: Pointer,
    ]
  ): void
  normalizeScaleGradient(
    ...args: [
      dy: Pointer,
      x: Pointer,
      means: Pointer,
      scales: Pointer,
      rows: number,
      columns: number,
      gainGradient: Pointer,
      biasGradient: Pointer,
      from: number,
      to: number,
    ]
  ): void
  /** Rows of positions `from` to `from + positions - 1`. */
  rotaryTable(to: Pointer, positions: number, size: number, from: number): void
  rotate(
    ...args: [
      x: Pointer,
      table: Pointer,
      y: Pointer,
      rows: number,
      first: number,
      positions: number,
      heads: number,
      size: number,
      isInverse: number,
    ]
  ): void
  silu(x: Pointer, y: Pointer, count: number): void
  siluGradient(x: Pointer, dy: Pointer, dx: Pointer, count: number): void
}
