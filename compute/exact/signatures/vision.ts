type Pointer = number

type Windows = [
  planes: number,
  h: number,
  w: number,
  kh: number,
  kw: number,
  down: number,
  across: number,
  top: number,
  left: number,
  oh: number,
  ow: number,
]

/** The kernels of image models and bags of words: compute/exact/kernels/{batch-norm,conv-windows,embedding-bag,windows}.ts. */
export interface VisionKernels {
  describeWindows(
    ...args: [
      to: Pointer,
      channels: number,
      h: number,
      w: number,
      outs: number,
      kh: number,
      kw: number,
      down: number,
      across: number,
      top: number,
      left: number,
      stepDown: number,
      stepRight: number,
      oh: number,
      ow: number,
      groups: number,
    ]
  ): void
  stripFloats(depth: number, width: number): number
  convolveWindows(
    ...args: [
      windows: Pointer,
      x: Pointer,
      weights: Pointer,
      bias: Pointer,
      y: Pointer,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  convolveWindowsInputs(
    ...args: [
      windows: Pointer,
      dy: Pointer,
      weights: Pointer,
      dx: Pointer,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  convolveWindowsWeights(
    ...args: [
      windows: Pointer,
      x: Pointer,
      dy: Pointer,
      dw: Pointer,
      batch: number,
      from: number,
      to: number,
      scratch: Pointer,
    ]
  ): void
  maxPool(...args: [x: Pointer, y: Pointer, ...Windows]): void
  maxPoolGradient(...args: [x: Pointer, y: Pointer, dy: Pointer, dx: Pointer, ...Windows]): void
  averagePool(...args: [x: Pointer, y: Pointer, ...Windows]): void
  averagePoolGradient(...args: [dy: Pointer, dx: Pointer, ...Windows]): void
  planeMeans(x: Pointer, y: Pointer, planes: number, area: number): void
  planeMeansGradient(dy: Pointer, dx: Pointer, planes: number, area: number): void
  batchStatistics(
    ...args: [
      x: Pointer,
      batch: number,
      channels: number,
      area: number,
      mean: Pointer,
      variance: Pointer,
      from: number,
      to: number,
    ]
  ): void
  channelScales(variance: Pointer, channels: number, epsilon: number, scale: Pointer): void
  normalizeChannels(
    ...args: [
      x: Pointer,
      channels: number,
      area: number,
      mean: Pointer,
      scale: Pointer,
      gain: Pointer,
      bias: Pointer,
      y: Pointer,
      from: number,
      to: number,
    ]
  ): void
  channelGainGradient(
    ...args: [
      dy: Pointer,
      x: Pointer,
      batch: number,
      channels: number,
      area: number,
      mean: Pointer,
      scale: Pointer,
      dGain: Pointer,
      from: number,
      to: number,
    ]
  ): void
  normalizeChannelsGradient(
    ...args: [
      dy: Pointer,
      x: Pointer,
      batch: number,
      channels: number,
      area: number,
      mean: Pointer,
      scale: Pointer,
      gain: Pointer,
      dGain: Pointer,
      dBias: Pointer,
      dx: Pointer,
      from: number,
      to: number,
    ]
  ): void
  runningMean(
    ...args: [running: Pointer, found: Pointer, count: number, keep: number, rest: number]
  ): number
  embeddingBag(
    ...args: [
      table: Pointer,
      tableRows: number,
      width: number,
      tokens: Pointer,
      positions: number,
      rows: number,
      y: Pointer,
    ]
  ): void
  embeddingBagGradient(
    ...args: [
      dy: Pointer,
      tokens: Pointer,
      positions: number,
      rows: number,
      gradient: Pointer,
      tableRows: number,
      width: number,
      from: number,
      to: number,
    ]
  ): void
}
