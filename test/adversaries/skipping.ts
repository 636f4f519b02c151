import { assert } from '#base/assert.ts'
import { segmentSeedOf, initSeedOf } from '#compute/train/commit.ts'
import { drawSteps } from '#compute/train/drawn.ts'
import { firstBatchOf, recordOf } from '#compute/train/records.ts'
import { type LocalStep, rerunStep } from '#evaluator/rerun.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, SegmentRecord, Transcript } from '#wire/segment.ts'
import { openLongLab } from './shapes.ts'
import type { Lab } from './world/lab.ts'
import { hashOf, place, workerParties } from './world/parties.ts'

/** Work of 64 segments, one round each, of which a step in twenty was left out; and the state before each step. */
interface Skipped {
  readonly lab: Lab
  readonly jobId: Hex
  readonly transcript: Transcript
}

const shard = { index: 0, count: 1 }
const folder = 'skipping'
const [{ owner: worker }] = workerParties as [(typeof workerParties)[number]]
const beacon = hashOf('beacon of skipped steps')
const noList = hashOf('no list')

/** How many of `count` draws find a step that was left out; those of `seed` are no others'. */
export async function countCaught(seed: number, count: number): Promise<number> {
  const skipped = await skipSteps(seed)
  let caught = 0
  for (let draw = 0; draw < count; draw += 1) {
    if (await isCaught(skipped, hashOf('draw', seed, draw))) caught += 1
  }
  return caught
}

async function skipSteps(seed: number): Promise<Skipped> {
  const lab = await openLongLab()
  const { runner, spec, opened } = lab
  const { train } = spec
  const jobId = hashOf('skipped steps', seed)
  let from = `${folder}/start`
  let input: Leaf = await runner.initialState({ seed: initSeedOf(jobId, beacon), to: from })
  const records: SegmentRecord[] = []
  for (let segment = 0; segment < train.rounds; segment += 1) {
    const to = `${folder}/${segment}/end`
    await copy(lab, from, stateName(segment, 0))
    const { leaves } = await runner.train({
      from,
      to,
      segmentSeed: segmentSeedOf({ ...place, beacon, jobId, segment, worker, attempt: 0 }),
      firstBatch: firstBatchOf(train, segment),
      steps: train.localSteps,
      shard,
      snapshots: { everySteps: 1, directory: `${folder}/${segment}` },
      misbehave: 'skip-few',
    })
    // With one worker the aggregate is its own update.
    const last = leaves.at(-1)
    assert(last !== undefined, 'a segment has a step')
    const aggregated = { ...last, transcript: noList }
    const rounds = [{ round: segment, listHash: noList, steps: leaves, aggregated }]
    records.push(
      recordOf({ jobId, attempt: 0, worker, segment }, { input, rounds }, opened.flopsPerStep),
    )
    input = aggregated
    from = to
  }
  const rounds = records.map((_, round) => {
    return { round, list: [], signatures: [], isClosedOnChain: false }
  })
  return { lab, jobId, transcript: { version: 1, jobId, attempt: 0, worker, records, rounds } }
}

/** As `trainSteps` names its snapshots: by the steps done. */
function stateName(segment: number, step: number): string {
  return `${folder}/${segment}/${step}.safetensors`
}

async function copy({ disk }: Lab, from: string, to: string): Promise<void> {
  await disk.write(to, await disk.read(from))
}

async function isCaught({ lab, jobId, transcript }: Skipped, auditSeed: Hex): Promise<boolean> {
  const bench = {
    runner: lab.runner,
    files: lab.disk.files(folder),
    segmentSeed: (_: Hex, segment: number) =>
      segmentSeedOf({ ...place, beacon, jobId, segment, worker, attempt: 0 }),
    shard: () => shard,
  }
  const { signal } = new AbortController()
  const drawn = drawSteps(lab.spec.train, transcript, { auditSeed })
  for (const step of drawn.filter((one): one is LocalStep => one.kind === 'local')) {
    const state = `${step.segment}/${step.step}.safetensors`
    const found = await rerunStep(bench, step, { state, signal })
    if (found === undefined || found.kind === 'foreign') {
      throw new Error(`no state before ${step.segment}/${step.step}`)
    }
    if (found.kind === 'different') return true
  }
  return false
}
