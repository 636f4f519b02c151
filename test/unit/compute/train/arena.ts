import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recoverTyped, signTyped } from '#base/crypto/eip712.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { Misbehaviour, OpenedJob, Runner, TrainReport } from '#compute/runner.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import { initSeedOf, segmentSeedOf } from '#compute/train/commit.ts'
import type { Course } from '#compute/train/course.ts'
import { firstBatchOf, recordOf, segmentOfRound, segmentRounds } from '#compute/train/records.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, ListedUpdate, RoundList, RoundSteps, Transcript } from '#wire/segment.ts'
import { type TrainSpec, segmentsPerWorker } from '#wire/spec.ts'
import { encodeRows } from '../fixtures.ts'

/** How a worker of the arena cheats. */
export type Lie = Misbehaviour | 'copy' | 'aggregate'

export interface ArenaOptions {
  readonly lies?: Readonly<Record<number, Lie>>
  /** Rounds that leave a worker out, by its index. */
  readonly absent?: (round: number, index: number) => boolean
  readonly train?: Partial<TrainSpec>
}

/** A small attempt that was really computed: two segments of two rounds of three steps, three workers. */
export interface Arena {
  readonly course: Course
  readonly runner: Runner
  readonly opened: OpenedJob
  readonly directory: string
  readonly rowsFile: string
  readonly initial: Leaf
  readonly transcripts: Map<Hex, Transcript>
  readonly updates: Map<string, string>
  /** The state before a step of a round, local steps counted from 0. */
  readonly stateBefore: (worker: Hex, round: number, step: number) => string
  readonly finalState: (worker: Hex) => string
  close(): Promise<void>
}

export const arenaTrain: TrainSpec = {
  model: { kind: 'mlp', hidden: [8] },
  inputShape: [6],
  outputs: 3,
  loss: 'crossEntropy',
  optimizer: {
    kind: 'adamw',
    learningRate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  },
  schedule: 'linear',
  batchSize: 8,
  localSteps: 3,
  rounds: 4,
  segmentSteps: 6,
  aggregation: 'mean',
}

export const arenaRows = 120
/** Private keys of the workers' operators, and the owners they work for. */
export const operatorKeys = [1, 2, 3].map((n) => sha256(Uint8Array.of(0x77, n)))
export const operatorsOf = operatorKeys.map((key) => addressOf(key))
export const owners = ['a1', 'b2', 'c3'].map((byte): Hex => `0x${byte.repeat(20)}`)
export const arenaPlace = {
  chainId: 78_787,
  jobManager: '0x0000000000000000000000000000000000051005' as Hex,
}

export function cidOfBytes(label: string): string {
  return `b${toHex(sha256(new TextEncoder().encode(label)))
    .slice(2)
    .replaceAll(/[0189]/g, 'z')}`
}

/** Runs an attempt with real engine steps. Updates are addressed by `cidOf`. */
export async function runArena(
  options: ArenaOptions = {},
  cidOf: (path: string) => Promise<string> = async (path) => cidOfBytes(path),
): Promise<Arena> {
  const directory = await mkdtemp(join(tmpdir(), 'quern-arena-'))
  const train: TrainSpec = { ...arenaTrain, ...options.train }
  const rowsFile = join(directory, 'rows.safetensors')
  await writeFile(rowsFile, encodeRows(train, arenaRows))
  const runner = createRunner()
  const opened = await runner.open({ spec: train, trainFile: rowsFile, threads: 1 })
  const course: Course = {
    chainId: arenaPlace.chainId,
    jobId: `0x${'0b'.repeat(32)}`,
    beacon: `0x${'be'.repeat(32)}`,
    attempt: 0,
    active: owners,
    train,
  }
  const first = join(directory, 'initial.safetensors')
  const seed = initSeedOf(course.jobId, course.beacon)
  const initial = await runner.initialState({ seed, to: first })
  const updates = new Map<string, string>()
  const stage: Stage = { directory, runner, course, options, cidOf, updates }
  const rounds = new Map<Hex, RoundSteps[]>(owners.map((owner) => [owner, []]))
  const lists: RoundList[] = []
  let states = owners.map(() => first)
  for (let round = 0; round < train.rounds; round += 1) {
    const played = await playRound(stage, round, states)
    for (const [i, owner] of owners.entries()) {
      rounds.get(owner)?.push(played.rounds[i] as RoundSteps)
    }
    lists.push(played.list)
    states = played.states
  }
  const transcripts = new Map(
    owners.map((owner) => [
      owner,
      transcriptOf(course, { owner, rounds: rounds.get(owner) ?? [], lists, initial, opened }),
    ]),
  )
  const stateBefore = (worker: Hex, round: number, step: number) =>
    step === 0
      ? join(directory, `start-${owners.indexOf(worker)}-${round}.safetensors`)
      : join(directory, `snaps-${owners.indexOf(worker)}-${round}`, `${step}.safetensors`)
  const close = async () => {
    await runner.close()
    await rm(directory, { recursive: true })
  }
  return {
    course,
    runner,
    opened,
    directory,
    rowsFile,
    initial,
    transcripts,
    updates,
    stateBefore,
    finalState: (worker) =>
      join(directory, `state-${owners.indexOf(worker)}-${train.rounds}.safetensors`),
    close,
  }
}

interface Stage {
  readonly directory: string
  readonly runner: Runner
  readonly course: Course
  readonly options: ArenaOptions
  readonly cidOf: (path: string) => Promise<string>
  readonly updates: Map<string, string>
}

interface Played {
  readonly rounds: RoundSteps[]
  readonly list: RoundList
  readonly states: string[]
}

async function playRound(stage: Stage, round: number, states: readonly string[]): Promise<Played> {
  const { directory, runner, course, options, updates } = stage
  const reports = new Map<number, TrainReport>()
  const announced: ListedUpdate[] = []
  for (const [i, worker] of owners.entries()) {
    await mkdir(join(directory, `snaps-${i}-${round}`))
    await copyFile(states[i] as string, join(directory, `start-${i}-${round}.safetensors`))
    if (options.absent?.(round, i) === true) continue
    const report = await trainOne(stage, { round, i, from: states[i] as string })
    const victim = announced[0]
    const isCopying = options.lies?.[i] === 'copy' && victim !== undefined
    const cid = isCopying
      ? victim.cid
      : await stage.cidOf(join(directory, `update-${i}-${round}.bin`))
    const updateRoot = isCopying ? victim.updateRoot : report.updateRoot
    if (!isCopying) updates.set(cid, join(directory, `update-${i}-${round}.bin`))
    reports.set(i, isCopying ? claim(report, updateRoot) : report)
    announced.push({ worker, updateRoot, cid })
  }
  const list = certify(course, round, announced)
  const listHash = listHashOf(list.list)
  const paths = announced.map(({ cid }) => updates.get(cid) as string)
  const rounds: RoundSteps[] = []
  const ends: string[] = []
  for (const i of owners.keys()) {
    const local = join(directory, `local-${i}-${round}.safetensors`)
    const to = join(directory, `state-${i}-${round + 1}.safetensors`)
    const isLying = options.lies?.[i] === 'aggregate' && round === 1
    const aggregated = await runner.aggregate({
      from: reports.has(i) ? local : (states[i] as string),
      to,
      updates: isLying ? paths.slice(1) : paths,
      method: course.train.aggregation,
      transcript: listHash,
    })
    rounds.push({ round, listHash, steps: reports.get(i)?.leaves ?? [], aggregated })
    ends.push(to)
  }
  return { rounds, list, states: ends }
}

async function trainOne(
  { directory, runner, course, options }: Stage,
  { round, i, from }: { round: number; i: number; from: string },
): Promise<TrainReport> {
  const { train, active } = course
  const worker = owners[i] as Hex
  const lie = options.lies?.[i]
  const misbehave = lie === 'copy' ? 'skip' : lie === 'aggregate' ? undefined : lie
  return runner.train({
    from,
    to: join(directory, `local-${i}-${round}.safetensors`),
    segmentSeed: segmentSeedOf({ ...course, segment: segmentOfRound(train, round), worker }),
    firstBatch: firstBatchOf(train, round),
    steps: train.localSteps,
    shard: { index: i, count: active.length },
    snapshots: { everySteps: 1, directory: join(directory, `snaps-${i}-${round}`) },
    updateTo: join(directory, `update-${i}-${round}.bin`),
    misbehave,
  })
}

function claim(report: TrainReport, updateRoot: Hex): TrainReport {
  const last = report.leaves.length - 1
  const leaves = report.leaves.map((leaf, i) => (i === last ? { ...leaf, p: updateRoot } : leaf))
  return { ...report, leaves, updateRoot }
}

const listTypes = {
  RoundList: [
    { name: 'jobId', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'round', type: 'uint32' },
    { name: 'listHash', type: 'bytes32' },
  ],
}

function typedList(course: Course, round: number, listHash: Hex) {
  const { jobId, attempt } = course
  const { chainId, jobManager: verifyingContract } = arenaPlace
  return {
    domain: { name: 'Quern', version: '1', chainId, verifyingContract },
    types: listTypes,
    primaryType: 'RoundList',
    message: { jobId, attempt, round, listHash },
  }
}

/** The certificate of all operators. */
function certify(course: Course, round: number, list: ListedUpdate[]): RoundList {
  const typed = typedList(course, round, listHashOf(list))
  const signatures = owners.map((worker, i) => ({
    worker,
    signature: signTyped(typed, operatorKeys[i] as Uint8Array),
  }))
  return { round, list, signatures, isClosedOnChain: false }
}

/** The owner whose operator signed. */
export function arenaSignerOf(course: Course) {
  return (round: number, listHash: Hex, signature: Hex): Hex | undefined =>
    owners[operatorsOf.indexOf(recoverTyped(typedList(course, round, listHash), signature))]
}

function transcriptOf(
  { jobId, train }: Course,
  made: {
    owner: Hex
    rounds: readonly RoundSteps[]
    lists: readonly RoundList[]
    initial: Leaf
    opened: OpenedJob
  },
): Transcript {
  const { owner: worker, rounds, lists, initial, opened } = made
  const records = Array.from({ length: segmentsPerWorker(train) }, (_, segment) => {
    const { first, count } = segmentRounds(train, segment)
    const input = first === 0 ? initial : (rounds[first - 1] as RoundSteps).aggregated
    const own = rounds.slice(first, first + count)
    return recordOf(
      { jobId, attempt: 0, worker, segment },
      { input, rounds: own },
      opened.flopsPerStep,
    )
  })
  return { version: 1, jobId, attempt: 0, worker, records, rounds: [...lists] }
}
