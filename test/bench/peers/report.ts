import { type Goal, type Report, judged } from '../verdict.ts'
import type { EngineName } from './peer.ts'
import { type Measurement, medianOf } from './rounds.ts'

export interface Row {
  readonly name: string
  readonly engine: EngineName
  readonly threads: number
  /** Median of the rounds; null where the engine does not take part. */
  readonly stepsPerSecond: number | null
  /** At the speed of the fastest run. */
  readonly best: number | null
  readonly reason?: string
}

type Side = readonly [engine: EngineName, threads: number]

interface Comparison extends Goal {
  readonly task: string
  readonly ours: Side
  readonly theirs: Side
}

const exact = (threads: number): Side => ['exact', threads]
const web = (threads: number): Side => ['onnxruntime-web', threads]
const tfjs: Side = ['tfjs-wasm', 1]

/** Speeds against other engines. */
const comparisons: Readonly<Record<string, Comparison>> = {
  'cnn 2 threads / onnxruntime-web 2 threads': {
    task: 'cnn',
    ours: exact(2),
    theirs: web(2),
    bound: 1,
  },
  'cnn 2 threads / tfjs-wasm': { task: 'cnn', ours: exact(2), theirs: tfjs, bound: 5 },
  'gpt 1 thread / onnxruntime-web 1 thread': {
    task: 'gpt',
    ours: exact(1),
    theirs: web(1),
    bound: 1.5,
  },
  'gpt 2 threads / onnxruntime-node 2 threads': {
    task: 'gpt',
    ours: exact(2),
    theirs: ['onnxruntime-node', 2],
    bound: 1,
  },
  'gpt 2 threads / tfjs-wasm': { task: 'gpt', ours: exact(2), theirs: tfjs, bound: 5 },
  'mlp 2 threads / onnxruntime-web 2 threads': {
    task: 'mlp',
    ours: exact(2),
    theirs: web(2),
    bound: 1,
  },
  'mlp 2 threads / tfjs-wasm': { task: 'mlp', ours: exact(2), theirs: tfjs, bound: 5 },
}

/** Figures that the exact engine gives of itself. */
const figures: Readonly<Record<string, Goal & { task: string; threads: number; figure: string }>> =
  {
    'hashing share of a gpt step': {
      task: 'gpt',
      threads: 2,
      figure: 'hashingShare',
      bound: 0.05,
      isMost: true,
    },
    'memory of a gpt step / state, batch and activations': {
      task: 'gpt',
      threads: 2,
      figure: 'memoryRatio',
      bound: 1.5,
      isMost: true,
    },
    'gemm 512 / C built by clang': {
      task: 'gemm-nn',
      threads: 1,
      figure: 'ratioToC',
      bound: 0.9,
    },
    'ternary gemv of 2 bits / own f32 gemv': {
      task: 'ternary-gemv-packed',
      threads: 1,
      figure: 'gemvRatio',
      bound: 3,
    },
    'ternary gemv of 8 bits / own f32 gemv': {
      task: 'ternary-gemv-wide',
      threads: 1,
      figure: 'gemvRatio',
      bound: 3,
    },
  }

/** Rows, ratios and goals of a run. A ratio is the median over rounds of the two speeds of the same round. */
export function reportOf(measurements: readonly Measurement[]): Report<Row> {
  const find = (task: string, [engine, threads]: Side) =>
    measurements.find((m) => m.name === task && m.engine === engine && m.threads === threads)
  const goals: Record<string, Goal> = {}
  const ratios: Record<string, number> = {}
  for (const [name, { task, ours, theirs, bound }] of Object.entries(comparisons)) {
    goals[name] = { bound }
    const ratio = ratioOf(find(task, ours), find(task, theirs))
    if (ratio !== undefined) ratios[name] = ratio
  }
  for (const [name, { task, threads, figure, bound, isMost = false }] of Object.entries(figures)) {
    goals[name] = { bound, isMost }
    const value = find(task, exact(threads))?.figures[figure]
    if (value !== undefined) ratios[name] = value
  }
  return judged({ rows: measurements.map(rowOf), ratios, goals })
}

function rowOf({ name, engine, threads, rounds, best, reason }: Measurement): Row {
  const isMeasured = rounds.length > 0
  return {
    name,
    engine,
    threads,
    stepsPerSecond: isMeasured ? medianOf(rounds) : null,
    best: isMeasured ? best : null,
    ...(reason !== undefined && { reason }),
  }
}

function ratioOf(
  ours: Measurement | undefined,
  theirs: Measurement | undefined,
): number | undefined {
  if (!ours || !theirs) return undefined
  const pairs = ours.rounds.flatMap((speed, i) => {
    const other = theirs.rounds[i]
    return other === undefined ? [] : [speed / other]
  })
  return pairs.length > 0 ? medianOf(pairs) : undefined
}
