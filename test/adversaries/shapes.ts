import type { Rng } from '#base/rng.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { arenaTrain } from '#test/unit/compute/train/arena.ts'
import { type Lab, openLab } from './world/lab.ts'
import type { Faults } from './world/job.ts'
import type { Crash } from './world/worker.ts'

const small: TrainSpec = {
  ...arenaTrain,
  model: { kind: 'logistic' },
  inputShape: [4],
  batchSize: 4,
  localSteps: 2,
  rounds: 1,
  segmentSteps: 2,
}

/** Small jobs of several shapes; the first is the most common one. */
const shapes: readonly TrainSpec[] = [
  small,
  { ...small, localSteps: 3 },
  { ...small, rounds: 2, aggregation: 'centeredClip' },
  { ...arenaTrain, rounds: 3, localSteps: 2, segmentSteps: 4 },
]

const opened = new Map<number, Promise<Lab>>()

/** A laboratory for one of the shapes, opened once; seven of ten jobs have the first. */
export function labFor(rng: Rng): Promise<Lab> {
  const shape = rng.below(10) < 7 ? 0 : 1 + rng.below(shapes.length - 1)
  const lab = opened.get(shape) ?? openLab(shapes[shape] as TrainSpec)
  opened.set(shape, lab)
  return lab
}

/** A job of 64 segments of 32 steps, of one worker that is looked at once a segment. */
export function openLongLab(): Promise<Lab> {
  return openLab({ ...small, localSteps: 32, segmentSteps: 32, rounds: 64 })
}

/** A job of three workers' size: each lie but the rarest is in every step that may be drawn. */
export function openWideLab(): Promise<Lab> {
  return openLab({ ...arenaTrain, rounds: 6, localSteps: 4, segmentSteps: 4 })
}

/** Faults that honest parties survive: everything comes in the end, well before the windows close. */
export function faultsFor(rng: Rng, workers: number): Faults {
  const isRough = rng.below(2) === 0
  const crashes = new Map<number, readonly Crash[]>()
  for (let worker = 0; worker < workers; worker += 1) {
    if (rng.below(4) === 0) crashes.set(worker, [crashFor(rng)])
  }
  return {
    weather: {
      delayMsMax: 1 + rng.below(isRough ? 800 : 50),
      dropRate: rng.below(isRough ? 40 : 5) / 100,
      resendMsMax: 1 + rng.below(3000),
    },
    missRate: rng.below(isRough ? 30 : 5) / 100,
    crashes,
    evaluatorStartMsMax: rng.below(15_000),
  }
}

function crashFor(rng: Rng): Crash {
  return { atMs: rng.below(6_000), downMs: rng.below(15_000), losesFiles: rng.below(2) === 0 }
}
