import type { Clock } from '#base/clock.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { AuditWord } from '#wire/topic.ts'
import type { Court } from './court.ts'
import type { Claims, Voices } from './hearing.ts'
import type { Notices } from './notices.ts'
import {
  type Panel,
  type Part,
  type Truth,
  examinerIn,
  isFalse,
  isOwed,
  partOf,
  stepKeyOf,
} from './panel.ts'
import type { Shown } from './serving.ts'

/** What an evaluator says to the others. */
export interface Saying {
  /** Tells what repeating a step showed, with its signed tag. */
  word(drawn: DrawnStep, shown: Shown): Promise<void>
  /** All tags for the worker's segments are out. */
  fixed(worker: Hex): Promise<void>
  claims(workers: readonly Hex[], words: readonly AuditWord[]): Promise<void>
}

/** How drawn steps are repeated: as long as their part is to wait, they wait. */
export type Repeat = (steps: readonly DrawnStep[], how: RepeatOptions) => Promise<Finding[]>

export interface RepeatOptions {
  readonly part: (drawn: DrawnStep) => Part
  readonly tell: (drawn: DrawnStep, shown: Shown, tookMs?: number) => Promise<void>
  /** Workers may serve until it aborts. */
  readonly serving: AbortSignal
  /** What another evaluator had in time may be fetched until it aborts. */
  readonly sharing: AbortSignal
}

export interface TogetherDeps {
  readonly clock: Clock
  readonly notices: Notices
  readonly panel: Panel
  readonly voices: Voices
  readonly say: Saying
  readonly repeat: Repeat
  /** Where withheld states are decided, if anywhere. */
  readonly court?: Court
}

export interface TogetherOptions {
  /** An examiner that says nothing for so long is not waited for; a repetition of one's own adds four times itself. */
  readonly patienceMs: number
  /** When it aborts, no examiner is waited for. */
  readonly reading: AbortSignal
  readonly serving: AbortSignal
  readonly sharing: AbortSignal
  /** Ends what is repeated because of claims. */
  readonly answering: AbortSignal
}

export interface Together {
  readonly findings: readonly Finding[]
  /** Evaluators of which a word was false, ascending. */
  readonly lazy: readonly Hex[]
  /** How many steps were repeated here. */
  readonly repeated: number
}

const pollMs = 250

/** What this evaluator knows of the steps. */
interface Known {
  readonly truths: Map<string, Truth>
  /** Steps whose state nobody had. */
  readonly missed: Set<string>
  longestMs: number
}

/**
 * Repeats the drawn steps together with the other evaluators of the panel. Each examines the segments that it was
 * drawn for and gives its tags; a later lot has some of them repeated by another one; then everybody says what it found
 * wrong, and all repeat that for themselves. So each verdict rests on what its author has seen or what nobody doubts.
 */
export async function examineTogether(
  deps: TogetherDeps,
  drawn: readonly DrawnStep[],
  options: TogetherOptions,
): Promise<Together> {
  const known: Known = { truths: new Map(), missed: new Set(), longestMs: 0 }
  const tell = createTeller(deps, drawn, known)
  const part = createPart(deps, options, known)
  const { serving, sharing } = options
  const findings = await deps.repeat(drawn, { part, tell, serving, sharing })
  const workers = [...new Set(findings.map(({ worker }) => worker))]
  const own = await claim(deps, { workers, words: falseWords(deps, drawn, known) })
  await untilSettled(deps, options, knowsAll(drawn, known))
  const answered = await answer(deps, drawn, { ...options, tell, known, found: findings, own })
  return { ...answered, repeated: known.truths.size }
}

function createTeller(
  { panel, say, court }: TogetherDeps,
  drawn: readonly DrawnStep[],
  known: Known,
) {
  const owned = new Map<Hex, Set<string>>()
  for (const step of drawn) {
    if (!panel.isSharing || examinerIn(panel, step) !== panel.self) continue
    owned.set(step.worker, (owned.get(step.worker) ?? new Set()).add(stepKeyOf(step)))
  }

  return async (step: DrawnStep, shown: Shown, tookMs = 0): Promise<void> => {
    const key = stepKeyOf(step)
    if (shown.kind === 'withheld') known.missed.add(key)
    else known.truths.set(key, { isEqual: shown.kind === 'equal', tags: shown.tags })
    known.longestMs = Math.max(known.longestMs, tookMs)
    await say.word(step, shown)
    if (shown.kind !== 'withheld') await court?.fetched(step)
    const left = owned.get(step.worker)
    if (left?.delete(key) === true && left.size === 0) await say.fixed(step.worker)
  }
}

/** The rule's part, without waiting longer than patience lasts. */
function createPart(
  { panel, voices, notices, clock }: TogetherDeps,
  { patienceMs, reading, serving }: TogetherOptions,
  known: Known,
) {
  const openedMs = new Map<string, number>()

  function isSilent(step: DrawnStep): boolean {
    if (reading.aborted || serving.aborted) return true
    const key = stepKeyOf(step)
    const isOpen = step.kind === 'aggregation' || notices.openingsOf(step).length > 0
    if (!isOpen) return false // its examiner cannot go on either
    const sinceMs = openedMs.get(key) ?? clock.nowMs()
    openedMs.set(key, sinceMs)
    const heardMs = voices.heardAtMs(examinerIn(panel, step))
    return clock.nowMs() - Math.max(sinceMs, heardMs) > patienceMs + 4 * known.longestMs
  }

  return (step: DrawnStep): Part => {
    const part = partOf(panel, step, voices)
    return part === 'wait' && isSilent(step) ? 'mine' : part
  }
}

/**
 * Says what was found wrong, and answers what others hear: where a process of this evaluator that was killed has said it
 * already, that. What it would say now nobody counts, so that it must not count here either.
 */
async function claim({ panel, voices, say }: TogetherDeps, found: Claims): Promise<Claims> {
  const said = voices.claimsOf(panel.self)
  if (said === undefined) await say.claims(found.workers, found.words)
  return said ?? found
}

/** Words of others that are false about steps repeated here: one of each evaluator is enough. */
function falseWords(
  { panel, voices }: TogetherDeps,
  drawn: readonly DrawnStep[],
  { truths }: Known,
): AuditWord[] {
  const found = new Map<Hex, AuditWord>()
  for (const step of drawn) {
    const truth = truths.get(stepKeyOf(step))
    if (truth === undefined) continue
    for (const word of voices.wordsOn(step)) {
      const isNew = word.evaluator !== panel.self && !found.has(word.evaluator)
      if (isNew && isFalse(word, truth)) found.set(word.evaluator, word)
    }
  }
  return [...found.values()]
}

/** Whoever repeated everything, because others were silent, learns nothing from what they claim. */
function knowsAll(drawn: readonly DrawnStep[], { truths, missed }: Known): boolean {
  return drawn.every((step) => truths.has(stepKeyOf(step)) || missed.has(stepKeyOf(step)))
}

/** Waits for the others' claims, where they could tell anything new, and for what is before the court. */
async function untilSettled(
  { panel, voices, notices, clock, court }: TogetherDeps,
  { sharing, answering }: TogetherOptions,
  isWhole: boolean,
): Promise<void> {
  const others = isWhole ? [] : panel.members.filter((member) => member !== panel.self)
  const isHeard = () => others.every((member) => voices.claimsOf(member) !== undefined)
  const isSitting = () => court?.isSitting() === true
  if (isWhole && !isSitting()) return court?.tend()
  while (!answering.aborted && (!sharing.aborted || isSitting())) {
    await notices.update()
    await court?.tend()
    if (isHeard() && !isSitting()) return
    await clock.sleep(pollMs, answering).catch(() => undefined)
  }
}

interface Answering extends TogetherOptions {
  readonly tell: RepeatOptions['tell']
  readonly known: Known
  readonly found: readonly Finding[]
  readonly own: Claims
}

/** Repeats what is claimed, and what follows from it, until nothing is owed. */
async function answer(
  deps: TogetherDeps,
  drawn: readonly DrawnStep[],
  { tell, known, found, own, answering }: Answering,
): Promise<Pick<Together, 'findings' | 'lazy'>> {
  const { panel } = deps
  const findings = [...found]
  const { workers, words } = claimsOfAll(deps, own)
  for (;;) {
    const lazy = lazyIn(panel, words, known)
    const guilty = new Set(
      findings.filter(({ step }) => step !== undefined).map(({ worker }) => worker),
    )
    const claimed = {
      workers,
      words,
      lazy: new Set(lazy),
      guilty,
    }
    const owed = drawn.filter((step) => {
      const key = stepKeyOf(step)
      return !known.truths.has(key) && !known.missed.has(key) && isOwed(panel, step, claimed)
    })
    if (owed.length === 0) return { findings, lazy }
    const how = { part: () => 'mine' as const, tell, serving: answering, sharing: answering }
    findings.push(...(await deps.repeat(owed, how)))
  }
}

/** What all evaluators of the attempt claimed, this one among them, whether or not it has heard itself. */
function claimsOfAll(
  { panel, voices }: TogetherDeps,
  own: Claims,
): { workers: Set<Hex>; words: AuditWord[] } {
  const others = panel.all.filter((evaluator) => evaluator !== panel.self)
  const claims = [own, ...others.flatMap((evaluator) => voices.claimsOf(evaluator) ?? [])]
  return {
    workers: new Set(claims.flatMap(({ workers }) => workers)),
    words: claims.flatMap(({ words }) => words),
  }
}

function lazyIn({ self }: Panel, words: readonly AuditWord[], { truths }: Known): Hex[] {
  const isLie = (word: AuditWord) => {
    const truth = truths.get(stepKeyOf(word))
    return word.evaluator !== self && truth !== undefined && isFalse(word, truth)
  }
  return [...new Set(words.filter(isLie).map(({ evaluator }) => evaluator))].toSorted()
}
