type Pointer = number

type Windows = [
  planes: number,
  h: number,
  w: number,
  kh: number,
  kw: number,
  stride: number,
  pad: number,
  oh: number,
  ow: number,
]

/** The kernels of image models and bags of words: compute/exact/kernels/{batch-norm,embedding-bag,windows}.ts. */
export interface VisionKernels {
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
