import type { Clock } from '#base/clock.ts'
import { encryptBytes, seal, sealKeysOf, streamPrefixBytes } from '#base/crypto/seal.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { toHex } from '#base/hex.ts'
import type { JobView, ResultView } from '#chain/client/view.ts'
import { realClock } from '#cli/real-clock.ts'
import { buildModel, listFiles } from '#compute/export/model.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { Runner } from '#compute/runner.ts'
import { initSeedOf, zeroHash } from '#compute/train/commit.ts'
import { type DrawnStep, drawSteps } from '#compute/train/drawn.ts'
import { firstBatchOf, segmentsRootOf } from '#compute/train/records.ts'
import type { AuditRate } from '#compute/train/sample.ts'
import type { AttemptPlace } from '#evaluator/attempt.ts'
import type { Court } from '#evaluator/court.ts'
import { type Examined, examineAttempt } from '#evaluator/examine.ts'
import { joinPanel } from '#evaluator/joining.ts'
import { parametersOfState } from '#evaluator/model.ts'
import type { AccountOfPeer } from '#evaluator/notices.ts'
import type { Artifacts, JobEntry } from '#p2p/network.ts'
import { createFiles } from '#store/files.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { digestOfCid } from '#wire/cid.ts'
import { type JobSpec, heldOutContext } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Transcript, transcriptFileName } from '#wire/segment.ts'
import { type TopicEntry, topicEntrySchema } from '#wire/topic.ts'
import {
  type Arena,
  type ArenaOptions,
  arenaPlace,
  arenaRows,
  operatorsOf,
  owners,
  runArena,
} from '../compute/train/arena.ts'
import { encodeRows } from '../compute/fixtures.ts'
import { connect, type World } from '../p2p/world.ts'
import { readFile } from 'node:fs/promises'

export const evaluators = ['e1', 'e2'].map((byte): Hex => `0x${byte.repeat(20)}`)
export const sealSeeds = [1, 2].map((n) => sha256(Uint8Array.of(0x33, n)))
const heldOutKey = sha256(Uint8Array.of(9))

/** Nodes that all cases of a test file share: one with the workers' artifacts, one for each evaluator. */
export interface Hub {
  readonly world: World
  readonly source: Artifacts
  readonly held: readonly Artifacts[]
  /** An engine for each evaluator; closing one is left to the end of the world. */
  readonly runners: readonly Runner[]
}

export async function openHub(world: World): Promise<Hub> {
  const node = await world.node()
  const source = await world.artifacts(node)
  const held: Artifacts[] = []
  const runners = evaluators.map(() => createRunner())
  for (const runner of runners) world.later(() => runner.close())
  for (const _ of evaluators) {
    const own = await world.node()
    held.push(await world.artifacts(own))
    await connect(own, node)
  }
  const lent = runners.map((runner) => ({ ...runner, close: async () => undefined }))
  return { world, source, held, runners: lent }
}

/** A submitted attempt on artifact nodes, before its states are served. */
export interface Case {
  readonly arena: Arena
  readonly spec: JobSpec
  readonly source: Artifacts
  readonly results: ResultView[]
  readonly transcripts: Map<Hex, Transcript>
  /** Entries of the job's topic, in the order in which everybody gets them. */
  readonly entries: JobEntry[]
  readonly auditSeed: Hex
  readonly drawn: readonly DrawnStep[]
  readonly heldOutKey: Hex
}

/** What is drawn of a worker that is new. */
type DrawnOf = (worker: Hex) => readonly DrawnStep[]

export interface CaseOptions extends ArenaOptions {
  /** Takes the first audit seed whose draw pleases. */
  readonly wanted?: (drawn: readonly DrawnStep[], ofNew: DrawnOf) => boolean
  /** Where the updates are said to be, by their paths. */
  readonly cidOf?: (path: string, source: Artifacts) => Promise<string>
  /** Seals something else to the evaluators. */
  readonly isSealedWrong?: boolean
}

/** Trains, publishes and submits; nothing is opened yet. */
export async function buildCase(hub: Hub, options: CaseOptions = {}): Promise<Case> {
  const { source, world } = hub
  const { cidOf = (path) => source.addFile(path) } = options
  const arena = await runArena(options, (path) => cidOf(path, source))
  world.later(() => arena.close())
  const { course, transcripts } = arena
  const spec = await publishSpec(source, arena, options)
  const initialSeed = initSeedOf(course.jobId, course.beacon)
  const results: ResultView[] = []
  for (const [worker, transcript] of transcripts) {
    const parameters = parametersOfState(await readFile(arena.finalState(worker)))
    const model = buildModel({ job: spec, initialSeed, parameters })
    const modelCid = await source.addDirectory(listFiles(model.files))
    results.push({
      worker,
      modelHash: model.modelHash,
      modelCidDigest: digestOfCid(modelCid),
      segmentsRoot: segmentsRootOf(transcript.records),
      transcriptCidDigest: await publishTranscript(source, transcript),
    })
  }
  const { auditSeed, drawn } = draw(arena, options.wanted)
  const sealed = toHex(heldOutKey)
  const made = { arena, spec, source, results, transcripts, auditSeed, drawn }
  return { ...made, entries: [], heldOutKey: sealed }
}

/** The same attempt before its draw, with another one. */
export function redraw(made: Case, wanted?: CaseOptions['wanted']): Case {
  return { ...made, results: [...made.results], entries: [], ...draw(made.arena, wanted) }
}

async function publishTranscript(source: Artifacts, transcript: Transcript): Promise<Hex> {
  const bytes = canonicalBytes(transcript)
  return digestOfCid(await source.addDirectory([{ name: transcriptFileName, bytes }]))
}

function draw(arena: Arena, wanted?: CaseOptions['wanted']) {
  const { transcripts, course } = arena
  for (let n = 0; ; n += 1) {
    const auditSeed = toHex(sha256(Uint8Array.of(n >> 8, n & 255)))
    const drawn = [...transcripts.values()].flatMap((transcript) =>
      drawSteps(course.train, transcript, { auditSeed }),
    )
    const ofNew: DrawnOf = (worker) => drawnOf({ arena, auditSeed }, worker, 'new')
    if (wanted?.(drawn, ofNew) ?? true) return { auditSeed, drawn }
  }
}

async function publishSpec(
  source: Artifacts,
  { course, rowsFile, opened }: Arena,
  options: CaseOptions,
): Promise<JobSpec> {
  const { train } = course
  const trainBytes = await readFile(rowsFile)
  const plain = encodeRows(train, 90)
  const encrypted = await encryptBytes(plain, heldOutKey, sha256(plain).slice(0, streamPrefixBytes))
  const heldOutCid = await source.add(encrypted)
  const key = options.isSealedWrong === true ? sha256(heldOutKey) : heldOutKey
  const sealed = evaluators.map(async (evaluator, i) => {
    const { publicKey } = await sealKeysOf(sealSeeds[i] as Uint8Array)
    return { evaluator, sealed: toHex(await seal(key, publicKey, heldOutContext(heldOutCid))) }
  })
  const spec: JobSpec = {
    version: 1,
    name: 'arena',
    task: 'classify',
    metric: 'accuracy',
    engineId: opened.engineId,
    splitSeed: 1,
    train,
    preprocessing: {
      kind: 'table',
      columnCount: 7,
      columns: Array.from({ length: train.inputShape[0] ?? 0 }, (_, i) => {
        return { kind: 'number' as const, name: `c${i}`, fill: 0, mean: 0, std: 1 }
      }),
      target: { kind: 'class', name: 'y', labels: ['a', 'b', 'c'] },
    },
    trainSet: { cid: await source.add(trainBytes), rows: arenaRows, sizeBytes: trainBytes.length },
    heldOut: {
      cid: heldOutCid,
      rows: 90,
      sizeBytes: encrypted.length,
      sealed: await Promise.all(sealed),
    },
  }
  await source.add(canonicalBytes(spec))
  return spec
}

/** Serves the state before a drawn step: in the store, and named in the topic. */
export async function serve(made: Case, step: DrawnStep, path = statePath(made, step)) {
  const { worker, segment } = step
  const cid = await made.source.addFile(path)
  const sizeBytes = (await readFile(path)).length
  say(made, worker, {
    kind: 'opening',
    attempt: 0,
    worker,
    segment,
    step: step.step,
    cid,
    sizeBytes,
  })
}

/** The steps that are drawn of a worker of this history. */
export function drawnOf(
  { arena, auditSeed }: Pick<Case, 'arena' | 'auditSeed'>,
  worker: Hex,
  rate: AuditRate,
): DrawnStep[] {
  const transcript = arena.transcripts.get(worker) as Transcript
  return drawSteps(arena.course.train, transcript, { auditSeed, rate })
}

/** Serves everything that was drawn, apart from what `isKept` keeps back. */
export async function serveAll(made: Case, isKept: (step: DrawnStep) => boolean = () => false) {
  for (const step of made.drawn) {
    if (step.kind === 'local' && !isKept(step)) await serve(made, step)
  }
}

export function statePath({ arena }: Case, step: DrawnStep): string {
  const { round, worker } = step
  const at = step.kind === 'local' ? step.batch - firstBatchOf(arena.course.train, round) : 0
  return arena.stateBefore(worker, round, at)
}

/** Puts an entry into the topic; peers are called like their accounts. */
export function say({ entries }: Pick<Case, 'entries'>, author: Hex, entry: TopicEntry): void {
  entries.push({ author, sequence: entries.length, body: canonicalBytes(entry) })
}

export interface Examining {
  readonly reading?: AbortSignal
  readonly serving?: AbortSignal
  readonly sharing?: AbortSignal
  /** Entries that this evaluator gets. */
  readonly sees?: (entry: JobEntry) => boolean
  /** Called after each repetition. */
  readonly onTold?: (count: number) => unknown
  /** An artifact that cannot be had so many times. */
  readonly failing?: { left: number; readonly cid: string }
  /** Whether nothing of an artifact (or of a path in it) can be had now. */
  readonly isAway?: (path: string) => boolean
  readonly clock?: Clock
  /** Which account speaks through a peer; peers are called like their accounts. */
  readonly accountOfPeer?: AccountOfPeer
  /** Whether this evaluator came too late to wait for anything. */
  readonly isCut?: boolean
  /** How closely workers are looked at; `normal` where nothing stands. */
  readonly rates?: ReadonlyMap<Hex, AuditRate>
  /** Both evaluators examine the case; else the other one has said that it has nothing to say. */
  readonly isShared?: boolean
  /** What the lots for repetitions are drawn with. */
  readonly lot?: Hex
  /** Says something else than what repeating showed. */
  readonly lies?: (entry: TopicEntry) => TopicEntry
  /** Where withheld states are decided. */
  readonly court?: Court
  /** A further panel: nothing is shared. */
  readonly isFurther?: boolean
}

const never = new AbortController().signal
const signed: Hex = `0x${'5a'.repeat(65)}`

/** What evaluator `index` makes of a case on a node of its own. */
export async function examine(
  hub: Hub,
  made: Case,
  { index = 0, ...options }: Examining & { index?: number } = {},
): Promise<Examined & { artifacts: Artifacts }> {
  const { clock = realClock } = options
  const artifacts = failingAt(hub.held[index] as Artifacts, options)
  const files = createFiles(await hub.world.directory())
  const owner = evaluators[index] as Hex
  const sees = options.sees ?? (() => true)
  const rest = evaluators.filter((evaluator) => evaluator !== owner)
  if (options.isShared !== true) {
    for (const evaluator of rest) {
      say(made, evaluator, { kind: 'claims', attempt: 0, evaluator, workers: [], words: [] })
    }
  }
  const { lies = (entry) => entry } = options
  const place = placeOf(made)
  const panelStart = options.isFurther === true ? evaluators.length : 0
  const drawn = options.isFurther === true ? [...evaluators, owner] : evaluators
  const seat = joinPanel(
    {
      feed: {
        head: () => ({ number: 20n, timestamp: 0n }),
        randomness: async () => options.lot ?? zeroHash,
      },
      topic: {
        entries: () => made.entries.filter(sees),
        append: async (body) => {
          say(made, owner, lies(topicEntrySchema.parse(parseJson(body))))
          return { author: owner, sequence: 0, body }
        },
      },
      accountOfPeer: options.accountOfPeer ?? (async (peer) => peer as Hex),
      isSigned: async ({ signature }) => signature === signed,
      sign: async () => signed,
      clock,
      log: noopLogger,
      onShown: () => undefined,
    },
    { ...place, view: { ...place.view, evaluators: drawn, panelStart } },
    { owner, evaluators: () => evaluators },
  )
  let told = 0
  const { privateKey } = await sealKeysOf(sealSeeds[index] as Uint8Array)
  const examined = await examineAttempt(
    {
      artifacts,
      files,
      clock,
      log: noopLogger,
      openRunner: () => hub.runners[index] as Runner,
      ...seat,
      court: options.court,
      say: {
        ...seat.say,
        async word(step, shown) {
          await seat.say.word(step, shown)
          told += 1
          await options.onTold?.(told)
        },
      },
    },
    { ...place, rates: options.rates },
    {
      owner,
      sealKey: privateKey,
      threads: 1,
      folder: 'audit',
      pins: { lasting: 'job', passing: 'audit' },
      windows: () => ({
        reading: options.reading ?? never,
        serving: options.serving ?? never,
        sharing: options.sharing ?? never,
        answering: options.sharing ?? never,
        isCut: () => options.isCut === true,
      }),
      patienceMs: 60_000,
      signal: never,
    },
  )
  return { ...examined, artifacts }
}

function failingAt(
  artifacts: Artifacts,
  { failing, isAway = () => false }: Pick<Examining, 'failing' | 'isAway'>,
): Artifacts {
  const missing = async (cid: string): Promise<never> => {
    throw new AppError({ code: 'ARTIFACT_MISSING', cid })
  }
  return {
    ...artifacts,
    get: (path, options) => (isAway(path) ? missing(path) : artifacts.get(path, options)),
    getFile(cid, toPath, options) {
      const isFailing = cid === failing?.cid && failing.left > 0
      if (isFailing) failing.left -= 1
      if (isFailing || isAway(cid)) return missing(cid)
      return artifacts.getFile(cid, toPath, options)
    },
  }
}

export function placeOf(made: Case): AttemptPlace {
  const { course, opened } = made.arena
  const { jobId, attempt, active, beacon } = course
  const specDigest = toHex(sha256(canonicalBytes(made.spec)))
  const terms = { specDigest, engineId: opened.engineId, segmentCount: 2 }
  const view = {
    jobId,
    attempt,
    terms,
    workers: owners,
    active: [0, 1, 2],
    results: made.results,
    closedRounds: [],
    evaluators,
  }
  return {
    ...arenaPlace,
    view: view as unknown as JobView,
    jobId,
    attempt,
    active,
    beacon,
    auditSeed: made.auditSeed,
    operators: new Map(owners.map((owner, i) => [owner, [operatorsOf[i] as Hex]])),
  }
}
