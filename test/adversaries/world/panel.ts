import { utf8 } from '#base/bytes.ts'
import type { Rng } from '#base/rng.ts'
import { codeOf } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { Head, JobFeed } from '#chain/client/feed.ts'
import { verdictHashOf } from '#chain/client/terms.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import type { AuditRate } from '#compute/train/sample.ts'
import type { AttemptPlace } from '#evaluator/attempt.ts'
import { type Examined, examineAttempt } from '#evaluator/examine.ts'
import type { JobEntry } from '#p2p/network.ts'
import { joinPanel } from '#evaluator/joining.ts'
import { type Windows, openWindows } from '#evaluator/window.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { digestOfCid } from '#wire/cid.ts'
import type { Hex } from '#wire/primitives.ts'
import { type TopicEntry, topicEntrySchema } from '#wire/topic.ts'
import { segmentsPerWorker } from '#wire/spec.ts'
import type { Attempt } from './attempt.ts'
import { type StoppableClock, stoppable } from './stoppable.ts'
import { type Party, hashOf, place as home, signList, workerParties } from './parties.ts'

const commitSeconds = 300

export interface PanelFaults {
  /** How late an evaluator begins at most, in milliseconds. */
  readonly startMsMax: number
  /** How long its process is stopped at most, once in its first seconds. */
  readonly stopMsMax?: number
}

export interface Judged {
  readonly evaluator: Hex
  readonly examined: Examined
}

interface PanelOptions {
  readonly rates: ReadonlyMap<Hex, AuditRate>
  readonly faults: PanelFaults
  readonly rng: Rng
  /** Those of a panel that disagreed. */
  readonly earlier?: readonly Hex[]
  /** An evaluator that gives tags which it has not made. */
  readonly lazy?: Hex | undefined
}

interface Seat {
  readonly evaluator: Hex
  readonly evaluators: readonly Hex[]
  readonly rates: ReadonlyMap<Hex, AuditRate>
  readonly panelStart: number
  readonly isLazy: boolean
  /** The machine's, apart from when its process is stopped. */
  readonly clock: StoppableClock
}

/** What every member of a panel makes of an attempt. */
export function judgePanel(
  attempt: Attempt,
  panel: readonly Party[],
  options: PanelOptions,
): Promise<readonly Judged[]> {
  const { rates, faults, rng, earlier = [], lazy } = options
  const own = panel.map(({ owner }) => owner)
  const evaluators = [...earlier, ...own]
  const judged = own.map(async (evaluator) => {
    const clock = stoppable(attempt.clock, stopFor(rng, attempt.clock.nowMs(), faults))
    await clock.sleep(rng.below(faults.startMsMax + 1))
    for (let tries = 0; ; tries += 1) {
      try {
        const seat = { evaluator, evaluators, rates, panelStart: earlier.length, clock }
        const isLazy = evaluator === lazy
        return { evaluator, examined: await examine(attempt, { ...seat, isLazy }) }
      } catch (error) {
        if (codeOf(error) === undefined || tries >= triesMax) throw error
        await clock.sleep(1000)
      }
    }
  })
  return Promise.all(judged)
}

function stopFor(rng: Rng, nowMs: number, { stopMsMax = 0 }: PanelFaults) {
  if (stopMsMax === 0) return undefined
  const fromMs = nowMs + rng.below(8_000)
  return { fromMs, untilMs: fromMs + rng.below(stopMsMax) }
}

/** A daemon begins again after a failure of the world. */
const triesMax = 20

async function examine(attempt: Attempt, who: Seat): Promise<Examined> {
  const { lab, store, topic } = attempt
  const { evaluator, evaluators, isLazy, clock } = who
  const feed = headsOf(clock)
  const never = new AbortController().signal
  const opened: Windows[] = []
  const place = await placeOf(attempt, who)
  const seat = joinPanel(
    {
      feed: { ...feed, randomness: async (height) => beaconAt(height, feed.head()) },
      topic: {
        entries: () => topic.entries(evaluator),
        append: async (body) => {
          const entry = topicEntrySchema.parse(parseJson(body))
          topic.say(evaluator, isLazy ? copied(entry, topic.entries(evaluator)) : entry)
          return { author: evaluator, sequence: 0, body }
        },
      },
      accountOfPeer: async (peer) => peer as Hex,
      isSigned: async ({ evaluator: author, signature }) => signature === signatureOf(author),
      sign: async () => signatureOf(evaluator),
      clock,
      log: noopLogger,
      onShown: () => undefined,
    },
    place,
    { owner: evaluator, evaluators: () => evaluators },
  )
  try {
    return await examineAttempt(
      {
        artifacts: store.of(evaluator),
        files: lab.disk.files(evaluator),
        clock,
        log: noopLogger,
        openRunner: () => lab.runner,
        signerOf: (round, listHash, signature) =>
          attempt.active.find((owner) => {
            return signList(owner, { ...attempt, round, listHash }) === signature
          }),
        ...seat,
      },
      place,
      {
        owner: evaluator,
        sealKey: new Uint8Array(32),
        threads: 1,
        folder: `audit-${attempt.attempt}`,
        pins: { lasting: 'job', passing: 'audit' },
        windows(statesBytes) {
          const commitDeadline = attempt.drawnTime() + BigInt(commitSeconds)
          const all = openWindows(feed, { commitDeadline, commitSeconds, statesBytes }, never)
          opened.push(all)
          return all
        },
        patienceMs: 10_000,
        signal: never,
      },
    )
  } finally {
    for (const { release } of opened) release()
  }
}

/** What a lazy evaluator says of a step: that it is right, with the newest tag of anybody else. */
function copied(entry: TopicEntry, heard: readonly JobEntry[]): TopicEntry {
  if (entry.kind !== 'audit' || entry.tag === undefined) return entry
  const others = heard.flatMap(({ body }) => {
    const known = topicEntrySchema.parse(parseJson(body))
    return known.kind === 'audit' && known.evaluator !== entry.evaluator ? (known.tag ?? []) : []
  })
  return { ...entry, outcome: 'equal', tag: others.at(-1) ?? hashOf('no tag') }
}

/** The beacon of a height that is there. */
function beaconAt(height: bigint, head: Head): Hex | undefined {
  if (height > head.number) return undefined
  return toHex(sha256(utf8(`beacon ${height}`)))
}

/** Stands for a signature, which costs more than all the rest of a simulated audit. */
function signatureOf(evaluator: Hex): Hex {
  return `0x${evaluator.slice(2).repeat(4).slice(0, 130).padEnd(130, '0')}`
}

/** A block each second, of which a stopped process hears nothing. */
function headsOf(clock: StoppableClock): Pick<JobFeed, 'head' | 'onHead'> {
  const head = (): Head => {
    const timestamp = BigInt(Math.floor(clock.nowMs() / 1000))
    return { number: timestamp, timestamp }
  }
  return {
    head,
    onHead(listener) {
      let isOpen = true
      const tick = () => {
        if (!isOpen) return
        if (!clock.isStopped()) listener(head())
        clock.at(1000, tick)
      }
      clock.at(1000, tick)
      return () => void (isOpen = false)
    },
  }
}

async function placeOf(
  attempt: Attempt,
  { evaluators, rates, panelStart }: Seat,
): Promise<AttemptPlace> {
  const { lab, jobId, workers, active, beacon, closing, results } = attempt
  const specDigest = toHex(sha256(canonicalBytes(lab.spec)))
  const segmentCount = segmentsPerWorker(lab.spec.train)
  const { engineId } = lab.opened
  const view = {
    jobId,
    attempt: attempt.attempt,
    terms: { specDigest, engineId, segmentCount, commitSeconds },
    workers,
    active: active.map((worker) => workers.indexOf(worker)),
    results: workers.flatMap((worker) => results.get(worker) ?? []),
    closedRounds: [...closing.closed].map(([round, list]) => ({
      attempt: attempt.attempt,
      round,
      updates: list.map(({ worker, updateRoot, cid }) => ({
        worker,
        updateRoot,
        cidDigest: digestOfCid(cid),
      })),
    })),
    evaluators,
    panelStart,
  }
  const parties = workerParties.filter(({ owner }) => active.includes(owner))
  return {
    ...home,
    view: view as unknown as JobView,
    jobId,
    attempt: attempt.attempt,
    active,
    beacon,
    auditSeed: await attempt.drawn(new AbortController().signal),
    operators: new Map(parties.map(({ owner, operator }) => [owner, [operator]])),
    rates,
  }
}

/** The verdict of two who agree, where they are more than half of all that revealed (libraries/VerdictRules.sol). */
export function agreedOf(verdicts: readonly Verdict[]): Verdict | undefined {
  const groups = Map.groupBy(verdicts, (verdict) => verdictHashOf(verdict))
  const agreed = [...groups.values()].find(
    (group) => group.length >= 2 && group.length * 2 > verdicts.length,
  )
  return agreed?.[0]
}
