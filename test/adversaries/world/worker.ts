import { codeOf } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import type { AuditRate } from '#compute/train/sample.ts'
import { createAgreement, roundTimesDefault } from '#worker/agreement.ts'
import { runAttempt } from '#worker/attempt.ts'
import type { Exchange, RoundEntry } from '#worker/exchange.ts'
import type { AttemptJournal, CastVote } from '#worker/journal.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import { publishOpenings } from '#worker/openings.ts'
import { type AttemptPlace, attemptFolder, pinOwner } from '#worker/place.ts'
import { buildResult } from '#worker/submission.ts'
import { createTrainer } from '#worker/trainer.ts'
import { createUpdates } from '#worker/updates.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps, Transcript } from '#wire/segment.ts'
import type { UpdateEntry, VoteEntry } from '#wire/topic.ts'
import type { Attempt } from './attempt.ts'
import { type Party, signList } from './parties.ts'

const noSignature: Hex = `0x${'00'.repeat(65)}`
const presentEveryMs = 500

/** A time without a worker: its process ends, and starts again on what its disk still has. */
export interface Crash {
  readonly atMs: number
  readonly downMs: number
  /** Whether files that nobody flushed are gone. */
  readonly losesFiles: boolean
}

export interface WorkerRun {
  readonly party: Party
  readonly lie?: MisbehaveKind | undefined
  readonly crashes: readonly Crash[]
  readonly rate: AuditRate
}

/** A worker's life in one attempt: trains, submits, serves what was drawn; again after each crash. */
export async function runWorker(attempt: Attempt, run: WorkerRun): Promise<void> {
  if (run.lie === 'silent') return
  const { clock } = attempt
  const journal = createMemoryJournal()
  const crashes = [...run.crashes]
  for (let tries = 0; ; tries += 1) {
    const [crash] = crashes
    const stopping = new AbortController()
    if (crash) clock.at(crash.atMs - clock.nowMs(), () => stopping.abort(new Error('crashed')))
    const signal = AbortSignal.any([stopping.signal, attempt.over])
    try {
      return await live(attempt, run, { journal, signal })
    } catch (error) {
      if (attempt.over.aborted) return
      if (crash && stopping.signal.aborted) {
        crashes.shift()
        if (crash.losesFiles) attempt.lab.disk.remove(folderOf(attempt, run))
        await clock.sleep(crash.downMs)
      } else if (codeOf(error) === undefined || tries >= triesMax) throw error
      else await clock.sleep(restMs)
    }
  }
}

/** A daemon begins again after a failure of the world. */
const triesMax = 50
const restMs = 1_000

function folderOf({ jobId, attempt }: Attempt, { party }: WorkerRun): string {
  return `${party.owner}/${attemptFolder({ jobId, attempt })}`
}

async function live(
  attempt: Attempt,
  run: WorkerRun,
  { journal, signal }: { journal: AttemptJournal; signal: AbortSignal },
): Promise<void> {
  const { lab, store, clock } = attempt
  const { party, lie, rate } = run
  const { chainId, jobId, beacon, active } = attempt
  const self = party.owner
  const place: AttemptPlace = { chainId, jobId, attempt: attempt.attempt, beacon, self, active }
  const files = lab.disk.files(self)
  const artifacts = store.of(self)
  const updateBytes = lab.opened.parameterCount * 4
  const updates = createUpdates(
    { artifacts, files },
    {
      folder: attemptFolder(place),
      pinOwner: pinOwner(jobId),
      sizeBytes: updateBytes,
      providersOf: async () => [],
    },
  )
  const { train } = lab.spec
  const trainer = createTrainer(
    { runner: lab.runner, files, updates, journal },
    place,
    lie === undefined ? { train } : { train, misbehave: lie },
  )
  const exchange = exchangeOf(attempt, party)
  const agreement = createAgreement(
    {
      clock,
      log: noopLogger,
      journal,
      fetch: (round, update, ending) => updates.fetch(round, update, ending),
      vote: (vote) => exchange.vote(vote),
      close: (round, held, ending) => presentUntil(attempt, { round, held }, ending),
    },
    { self, active, rounds: train.rounds, times: roundTimesDefault },
  )
  const unlisten = attempt.closing.onClosed(() => agreement.onClosed(attempt.closing.closed))
  agreement.onClosed(attempt.closing.closed)
  const forget = attempt.topic.listen(self, (entry) => {
    const isOurs = entry.kind === 'update' || entry.kind === 'vote'
    if (isOurs && entry.attempt === place.attempt && active.includes(entry.worker)) {
      agreement.onEntry(entry satisfies RoundEntry)
    }
  })
  const tools = {
    clock,
    journal,
    trainer,
    updates,
    exchange,
    agreement,
    onProgress: () => undefined,
  }
  try {
    const { flopsPerStep } = lab.opened
    const options = { train, flopsPerStep, updateBytes }
    const setting = { place, options: lie === undefined ? options : { ...options, misbehave: lie } }
    const transcript = await runAttempt(tools, setting, signal)
    await submit(attempt, { run, place, transcript, finalState: await finalOf() })
    const auditSeed = await attempt.drawn(signal)
    if (lie === 'withhold-states') return
    const work = { place, transcript, train, draw: { auditSeed, rate }, misbehave: lie }
    await publishOpenings({ artifacts, files, trainer, exchange, clock }, work, signal)
  } finally {
    unlisten()
    forget()
    await agreement.stop()
  }

  async function finalOf() {
    const { name } = await trainer.checkpoint(train.rounds, signal)
    return files.read(name)
  }
}

async function submit(
  attempt: Attempt,
  work: { run: WorkerRun; place: AttemptPlace; transcript: Transcript; finalState: Uint8Array },
): Promise<void> {
  const { run, place, transcript, finalState } = work
  const worker = run.party.owner
  if (attempt.results.has(worker)) return
  const artifacts = attempt.store.of(worker)
  const { spec } = attempt.lab
  const result = await buildResult(artifacts, place, { spec, transcript, finalState })
  attempt.submit({ worker, ...result })
}

async function presentUntil(
  { closing, clock }: Attempt,
  { round, held }: { round: number; held: () => Parameters<typeof closing.present>[1] },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !closing.closed.has(round)) {
    closing.present(round, held())
    await clock.sleep(presentEveryMs, signal)
  }
}

/** A worker's words: votes are signed as they are in a real job, updates are not (nobody forges here). */
function exchangeOf({ topic, jobId, attempt }: Attempt, party: Party): Exchange {
  const worker = party.owner
  const entry = { attempt, worker }
  return {
    announceUpdate: async (update) =>
      topic.say(worker, {
        kind: 'update',
        ...entry,
        ...update,
        signature: noSignature,
      } satisfies UpdateEntry),
    async vote({ round, view, list }) {
      const message = { jobId, attempt, round, listHash: listHashOf(list) }
      const signature = signList(worker, message)
      const vote: VoteEntry = { kind: 'vote', ...entry, round, view, list: [...list], signature }
      topic.say(worker, vote)
      return vote
    },
    announceSegment: async (segment, recordHash) =>
      topic.say(worker, { kind: 'segment', ...entry, segment, recordHash }),
    announceOpening: async (opening) =>
      topic.say(worker, { kind: 'opening', ...entry, ...opening }),
    settled: async () => undefined,
    close: () => undefined,
  }
}

/** What a worker's disk keeps of an attempt whatever happens. */
function createMemoryJournal(): AttemptJournal {
  const votes = new Map<number, CastVote>()
  const lists = new Map<number, RoundList>()
  const steps = new Map<number, RoundSteps>()
  let first: Leaf | undefined
  return {
    initial: () => first,
    setInitial: async (leaf) => void (first = leaf),
    vote: (round) => votes.get(round),
    setVote: async (vote) => void votes.set(vote.round, vote),
    list: (round) => lists.get(round),
    setList: async (list) => void lists.set(list.round, list),
    steps: (round) => steps.get(round),
    setSteps: async (done) => void steps.set(done.round, done),
  }
}
