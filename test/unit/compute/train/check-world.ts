import { createHash } from 'node:crypto'
import { listHashOf } from '#compute/train/certificate.ts'
import type { AttemptFacts, Submission } from '#compute/train/attempt-facts.ts'
import type { Served } from '#compute/train/check.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { recordOf, segmentRounds, segmentsRootOf } from '#compute/train/records.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, ListedUpdate, RoundList, RoundSteps, Transcript } from '#wire/segment.ts'
import { type TrainSpec, segmentsPerWorker } from '#wire/spec.ts'

/** Hashes that stand for roots: the checks look at nothing but equality. */
export function rootOf(...parts: readonly (string | number)[]): Hex {
  return `0x${createHash('sha256').update(parts.join('/')).digest('hex')}`
}

export const jobId = rootOf('job')
export const workers = ['a1', 'b2', 'c3'].map((byte): Hex => `0x${byte.repeat(20)}`)
export const flopsPerStep = 1000

/** Seven rounds of two steps, three rounds a segment: the last segment is shorter. */
export const train: TrainSpec = {
  model: { kind: 'logistic' },
  inputShape: [4],
  outputs: 3,
  loss: 'crossEntropy',
  optimizer: { kind: 'sgd', learningRate: 0.1 },
  schedule: 'constant',
  batchSize: 8,
  localSteps: 2,
  rounds: 7,
  segmentSteps: 6,
  aggregation: 'mean',
}

export interface World {
  readonly facts: AttemptFacts
  readonly served: Map<Hex, Served>
}

export interface WorldOptions {
  /** Rounds whose lists lack a worker. */
  readonly missing?: (round: number, worker: Hex) => boolean
  /** Rounds that the contract fixed. */
  readonly closed?: readonly number[]
}

export function signature(worker: Hex, round: number, listHash: Hex): Hex {
  return `${rootOf('sign', worker, round, listHash)}${rootOf('more').slice(2)}1b`
}

export const signerOf: AttemptFacts['signerOf'] = (round, listHash, signed) =>
  workers.find((worker) => signature(worker, round, listHash) === signed)

export const initial: Leaf = {
  p: rootOf('p0'),
  m: rootOf('empty'),
  v: rootOf('empty'),
  step: 0,
  transcript: zeroHash,
}

export const modelHashOf = (modelRoot: Hex) => rootOf('model', modelRoot)

/** An honest attempt of three workers. */
export function honestWorld(options: WorldOptions = {}): World {
  const lists = Array.from({ length: train.rounds }, (_, round) => listOf(round, options))
  const closedRounds = new Map(
    lists.filter((list) => list.isClosedOnChain).map(({ round, list }) => [round, list]),
  )
  const served = new Map<Hex, Served>(
    workers.map((worker) => [worker, transcriptOf(worker, lists)]),
  )
  const facts: AttemptFacts = {
    jobId,
    attempt: 0,
    train,
    active: workers,
    results: [...served].map(([worker, transcript]) =>
      submissionOf(worker, transcript as Transcript),
    ),
    closedRounds,
    initial,
    flopsPerStep,
    signerOf,
    modelHashOf,
  }
  return { facts, served }
}

/** What a worker would submit with this transcript. */
export function submissionOf(worker: Hex, transcript: Transcript): Submission {
  const last = transcript.records.at(-1)?.rounds.at(-1)?.aggregated
  return {
    worker,
    modelHash: modelHashOf(last?.p ?? zeroHash),
    segmentsRoot: segmentsRootOf(transcript.records),
  }
}

export function certificateOf(round: number, list: ListedUpdate[], signers = workers): RoundList {
  const listHash = listHashOf(list)
  const signatures = signers.map((worker) => ({
    worker,
    signature: signature(worker, round, listHash),
  }))
  return { round, list, signatures, isClosedOnChain: false }
}

function listOf(round: number, { missing, closed }: WorldOptions): RoundList {
  const list = workers
    .filter((worker) => missing?.(round, worker) !== true)
    .map((worker) => updateOf(round, worker))
  const isClosed = closed?.includes(round) === true
  return isClosed
    ? { round, list, signatures: [], isClosedOnChain: true }
    : certificateOf(round, list)
}

export function updateOf(round: number, worker: Hex): ListedUpdate {
  const updateRoot = pAfter(round, worker, train.localSteps)
  return { worker, updateRoot, cid: `b${'a'.repeat(40)}` }
}

function pAfter(round: number, worker: Hex, steps: number): Hex {
  return rootOf('p', round, worker, steps)
}

function transcriptOf(worker: Hex, lists: readonly RoundList[]): Transcript {
  let before = initial
  const records = Array.from({ length: segmentsPerWorker(train) }, (_, segment) => {
    const { first, count } = segmentRounds(train, segment)
    const input = before
    const rounds = lists.slice(first, first + count).map((list) => {
      const round = roundOf(worker, list, before)
      before = round.aggregated
      return round
    })
    return recordOf({ jobId, attempt: 0, worker, segment }, { input, rounds }, flopsPerStep)
  })
  return { version: 1, jobId, attempt: 0, worker, records, rounds: [...lists] }
}

function roundOf(worker: Hex, { round, list }: RoundList, before: Leaf): RoundSteps {
  const isListed = list.some((update) => update.worker === worker)
  const steps = Array.from({ length: isListed ? train.localSteps : 0 }, (_, i) => ({
    p: pAfter(round, worker, i + 1),
    m: rootOf('m', round, worker, i),
    v: rootOf('v', round, worker, i),
    step: before.step + i + 1,
    transcript: rootOf('gradients', round, worker, i),
  }))
  const listHash = listHashOf(list)
  const last = steps.at(-1) ?? before
  const aggregated = { ...last, p: rootOf('aggregate', listHash), transcript: listHash }
  return { round, listHash, steps, aggregated }
}
