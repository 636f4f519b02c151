import type { Rng } from '#base/rng.ts'
import { createEngine } from '#compute/exact/engine.ts'
import type { CreateTeam } from '#compute/exact/engine.ts'
import { loadBatch } from '#compute/train/rows.ts'
import { type StepTensors, trainTensors } from '#compute/transcript/tensors.ts'
import type { GraphModel, GraphNode } from '#wire/graph-model.ts'
import type { TrainSpec } from '#wire/spec.ts'
import {
  bagSpec,
  cnnSpec,
  gptSpec,
  linearSpec,
  llamaSpec,
  mlpSpec,
  readWasm,
  rowsOf,
  seed,
  segmentSeed,
} from '../fixtures.ts'

type Sides = (low: number, high: number) => number

/** Random sizes for one model of each kind; together they use every operator of compute/exact/SPEC.md. */
export function randomSpecs(rng: Rng): Readonly<Record<string, TrainSpec>> {
  const side: Sides = (low, high) => low + rng.below(high - low + 1)
  const batchSize = side(2, 6)
  const context = side(2, 9)
  const tokens = { batchSize: side(2, 3), inputShape: [context] }
  const images = { batchSize: side(2, 4), inputShape: [side(1, 3), side(8, 12), side(8, 12)] }
  const size = 2 * side(1, 4)
  return {
    mlp: {
      ...mlpSpec,
      batchSize,
      inputShape: [side(3, 80)],
      model: { kind: 'mlp', hidden: [side(2, 13), side(2, 13)] },
    },
    ternary: {
      ...mlpSpec,
      batchSize,
      inputShape: [side(3, 20)],
      model: { kind: 'mlp', hidden: [side(2, 13)], ternary: true },
    },
    cnn: {
      ...cnnSpec,
      ...images,
      model: { kind: 'cnn', channels: [side(2, 6), side(2, 9)], dense: [side(2, 9)] },
    },
    norms: {
      ...cnnSpec,
      ...images,
      optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9 },
      model: {
        kind: 'cnn',
        channels: [side(2, 6), side(2, 9)],
        dense: [],
        batchNorm: true,
        pooling: 'average',
        head: 'globalAverage',
      },
    },
    windows: { ...cnnSpec, ...images, model: windowsModel(side, images.inputShape[0] ?? 1) },
    bag: { ...bagSpec, batchSize, inputShape: [side(2, 12)] },
    linear: { ...linearSpec, batchSize, inputShape: [side(2, 30)] },
    gpt: {
      ...gptSpec,
      ...tokens,
      model: { ...gptModel, width: 3 * size, heads: 3, hidden: side(3, 20), dropout: 0.2 },
    },
    llama: {
      ...llamaSpec,
      ...tokens,
      model: { ...llamaModel, width: 2 * size, heads: 2, hidden: side(3, 20) },
    },
  }
}

const gptModel = { ...gptSpec.model, layers: 1 } as Extract<
  TrainSpec['model'],
  { kind: 'transformer' }
>
const llamaModel = { ...llamaSpec.model, layers: 1 } as typeof gptModel

/** Convolutions and poolings with sides of their own: windows that overlap, leave places out, reach over the edge. */
function windowsModel(side: Sides, channels: number): GraphModel {
  const node = (operator: GraphNode['operator'], value: string, output: string, more: object) =>
    ({ operator, values: [value], parameters: [], output, attributes: {}, ...more }) as GraphNode
  const normal = { kind: 'normal', gain: 2, fanIn: 9 * channels } as const
  const groups = side(1, 3)
  const [middle, last] = [groups * side(1, 2), groups * side(1, 3)]
  /** Height and width never agree, so that none is taken for the other. */
  const pair = () => (side(0, 1) === 0 ? [1, 2] : [2, 1])
  const pads = () => [1, 0, side(0, 1), 1]
  const free = { stride: pair(), dilation: pair(), pad: [...pair(), ...pair()] }
  return {
    kind: 'graph',
    nodes: [
      node('Conv', 'x', 'a', { parameters: ['w', 'b'], attributes: { pad: 1 } }),
      node('GeluErf', 'a', 'i', {}),
      node('Conv', 'i', 'g', { parameters: ['u'], attributes: { ...free, groups } }),
      node('MaxPool', 'g', 'c', { attributes: { kh: 3, kw: 2, stride: pair(), pad: pads() } }),
      node('AveragePool', 'c', 'd', {
        attributes: { kh: 2, kw: 2, stride: pair(), pad: pads() },
      }),
      node('GlobalAveragePool', 'd', 'e', {}),
      node('Reshape', 'e', 'f', { attributes: { shape: [last] } }),
      node('Gelu', 'f', 'h', {}),
      node('Gemm', 'h', 'y', { parameters: ['v'] }),
    ],
    parameters: [
      { name: 'w', shape: [middle, channels, 3, 3], initial: normal },
      { name: 'b', shape: [middle], initial: { kind: 'zeros' } },
      { name: 'u', shape: [last, middle / groups, 3, 3], initial: normal },
      { name: 'v', shape: [last, 10], initial: normal },
    ],
  }
}

/** The tensors of the last of some steps from a seed, and the engine's part roots and step after it. */
export async function tensorsAfter(
  spec: TrainSpec,
  steps: number,
  options: { threads?: number; createTeam?: CreateTeam } = {},
): Promise<StepTensors & { roots: Readonly<Record<'p' | 'g' | 'm' | 'v', string>> }> {
  const engine = await createEngine(spec, await readWasm(), { ...options, keepsValues: true })
  engine.initialize(seed)
  engine.setNoise(segmentSeed)
  const rows = rowsOf(spec, steps * spec.batchSize)
  let tensors: StepTensors | undefined
  for (let step = 0; step < steps; step += 1) {
    const first = step * spec.batchSize
    loadBatch(
      engine,
      rows,
      Int32Array.from({ length: spec.batchSize }, (_, i) => first + i),
    )
    tensors = trainTensors(engine, spec, segmentSeed)
  }
  const roots = engine.partRoots()
  await engine.close()
  return { ...(tensors as StepTensors), roots }
}
