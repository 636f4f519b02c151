import { checkAttempt } from '#compute/train/check.ts'
import { recordOf } from '#compute/train/records.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps, SegmentRecord, Transcript } from '#wire/segment.ts'
import {
  type World,
  flopsPerStep,
  honestWorld,
  rootOf,
  submissionOf,
  workers,
} from './check-world.ts'

export const liar = workers[1] as Hex
export const junk = rootOf('junk')

export type Draft<T> = T extends readonly (infer Item)[]
  ? Draft<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Draft<T[Key]> }
    : T

/** A copy in which no two places share an object. */
export function cloneOf({ served }: World, worker: Hex): Draft<Transcript> {
  return JSON.parse(JSON.stringify(served.get(worker))) as Draft<Transcript>
}

/** The world in which a worker changed its transcript before it computed hashes and submitted. */
export function lie(change: (transcript: Draft<Transcript>) => void, world = honestWorld()): World {
  const transcript = cloneOf(world, liar)
  change(transcript)
  transcript.records = transcript.records.map((record) => rehash(record)) as never
  return submit(world, transcript)
}

/** The world in which it changed what the hashes say. */
export function misquote(change: (transcript: Draft<Transcript>) => void): World {
  const world = honestWorld()
  const transcript = cloneOf(world, liar)
  change(transcript)
  return submit(world, transcript)
}

function submit(world: World, transcript: Transcript): World {
  const results = world.facts.results.map((result) =>
    result.worker === liar ? submissionOf(liar, transcript) : result,
  )
  return {
    facts: { ...world.facts, results },
    served: new Map([...world.served, [liar, transcript]]),
  }
}

function rehash(record: SegmentRecord): SegmentRecord {
  const { jobId, attempt, worker, segment, input, rounds } = record
  return recordOf({ jobId, attempt, worker, segment }, { input, rounds }, flopsPerStep)
}

export const findingsOf = ({ facts, served }: World) => checkAttempt(facts, served).findings
export const roundAt = (transcript: Draft<Transcript>, segment: number, position: number) =>
  transcript.records[segment]?.rounds[position] as Draft<RoundSteps>
export const listAt = (transcript: Draft<Transcript>, round: number) =>
  transcript.rounds[round] as Draft<RoundList>
export const recordAt = (transcript: Draft<Transcript>, segment: number) =>
  transcript.records[segment] as Draft<SegmentRecord>
export const stepAt = (round: Draft<RoundSteps>, step: number) => round.steps[step] as Draft<Leaf>
