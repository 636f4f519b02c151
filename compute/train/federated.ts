import { assert } from '#base/assert.ts'
import { concatBytes, u32be, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { cidOfDigest } from '#wire/cid.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { TrainReport } from '../runner.ts'
import {
  type Course,
  type CourseDeps,
  type CourseEnd,
  type CourseOptions,
  runCourse,
} from './course.ts'

/**
 * The course of a training run without a chain: what a job takes from its chain comes from the seed, so that a
 * specification, a seed and a number of workers always give the same bits.
 */
export function courseOfSeed(train: TrainSpec, seed: number, workerCount: number): Course {
  assert(workerCount >= 1 && workerCount <= limits.workersMax, 'one to eight workers')
  const derive = (name: string, ...parts: Uint8Array[]): Hex =>
    toHex(sha256(concatBytes(utf8(`quern/train/${name}/1`), u64be(seed), ...parts)))
  return {
    chainId: 0,
    jobId: derive('job', sha256(canonicalBytes(train))),
    beacon: derive('beacon'),
    attempt: 0,
    active: Array.from({ length: workerCount }, (_, i): Hex => toHex(accountOf(i))),
    train,
  }
}

/** Trains with all workers in every round, in this process's runners: the same numbers as a job on a chain. */
export async function trainFederated(
  deps: CourseDeps,
  course: Course,
  options: CourseOptions = {},
): Promise<CourseEnd> {
  const end = await runCourse(
    deps,
    {
      course,
      rules: {
        membersOf: () => course.active,
        listOf: (_round, reports) => course.active.map((worker) => updateOf(worker, reports)),
      },
    },
    options,
  )
  assert(end !== undefined, 'no rule ends a run in which everybody takes part')
  return end
}

function updateOf(worker: Hex, reports: ReadonlyMap<Hex, TrainReport>): ListedUpdate {
  const report = reports.get(worker)
  assert(report !== undefined, 'every worker did its steps')
  const { updateRoot } = report
  // Nobody fetches it: the root stands in for the digest of a file.
  return { worker, updateRoot, cid: cidOfDigest(updateRoot) }
}

function accountOf(index: number): Uint8Array {
  return concatBytes(new Uint8Array(16), u32be(index + 1))
}
