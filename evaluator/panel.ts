import { assert } from '#base/assert.ts'
import { examinerOf, repeaterOf } from '#compute/train/panel.ts'
import type { Hex } from '#wire/primitives.ts'
import type { AuditWord } from '#wire/topic.ts'

/** Where a drawn step stands. */
export interface StepPlace {
  readonly worker: Hex
  readonly segment: number
  readonly step: number
}

/** The evaluators that share the drawn steps of an attempt among them. */
export interface Panel {
  /** In the order in which they were drawn. */
  readonly members: readonly Hex[]
  /** All evaluators of the attempt, earlier panels' too: about their words it is known whether they are true. */
  readonly all: readonly Hex[]
  readonly self: Hex
  /** False where all repeat everything: a panel before this one disagreed, or nobody else is there. */
  readonly isSharing: boolean
  readonly auditSeed: Hex
  readonly attempt: number
}

/** Whether an examiner's tags for a worker are all out, and the beacon that came after them. */
export type Fixed = 'open' | 'late' | { readonly lot?: Hex }

/** What an evaluator has heard of the others. */
export interface Hearing {
  fixedOf(examiner: Hex, worker: Hex): Fixed
  /** The examiner's signed word, from before it fixed its tags. */
  wordOf(examiner: Hex, step: StepPlace): Pick<AuditWord, 'isEqual'> | undefined
}

/** What an evaluator does about a drawn step: repeats it, leaves it to its examiner, or cannot tell yet. */
export type Part = 'mine' | 'trusted' | 'wait'

/** Who examines a step. */
export function examinerIn({ members, auditSeed, attempt }: Panel, step: StepPlace): Hex {
  const member = members[examinerOf(auditSeed, { attempt, ...step }, members.length)]
  assert(member !== undefined, 'lots name members')
  return member
}

/**
 * An evaluator repeats what it was drawn for, what the later lot wants repeated, and whatever its examiner found
 * wrong, left out, or said too late. So who trusts does so only where a tag was given before anybody knew whether it
 * would be checked; where it does not trust, it knows.
 */
export function partOf(panel: Panel, step: StepPlace, hearing: Hearing): Part {
  const examiner = examinerIn(panel, step)
  if (!panel.isSharing || examiner === panel.self) return 'mine'
  const fixed = hearing.fixedOf(examiner, step.worker)
  if (fixed === 'open') return 'wait'
  if (fixed === 'late' || hearing.wordOf(examiner, step)?.isEqual !== true) return 'mine'
  if (fixed.lot === undefined) return 'wait'
  return isRepeater(panel, step, fixed.lot) ? 'mine' : 'trusted'
}

function isRepeater(panel: Panel, step: StepPlace, lot: Hex): boolean {
  const { members, self, attempt } = panel
  const examiner = members.indexOf(examinerIn(panel, step))
  const repeater = repeaterOf(lot, { attempt, ...step }, { examiner, count: members.length })
  return repeater !== undefined && members[repeater] === self
}

/** What an evaluator found by repeating a step: whether it is right, and every evaluator's true tag. */
export interface Truth {
  readonly isEqual: boolean
  readonly tags: ReadonlyMap<Hex, Hex>
}

/** Whether a word about a step is false: a wrong tag, or the wrong outcome. */
export function isFalse(
  word: Pick<AuditWord, 'evaluator' | 'isEqual' | 'tag'>,
  truth: Truth,
): boolean {
  return word.isEqual !== truth.isEqual || word.tag !== truth.tags.get(word.evaluator)
}

/** What all evaluators of the attempt claim, and what of it was found to be so. */
export interface Claimed {
  readonly workers: ReadonlySet<Hex>
  /** Words that are said to be false. */
  readonly words: readonly AuditWord[]
  /** Evaluators of whom one was. */
  readonly lazy: ReadonlySet<Hex>
  /** Workers of whom a repeated step was wrong. */
  readonly guilty: ReadonlySet<Hex>
}

/**
 * Whether everybody has to repeat a step after the claims: it is of a worker that somebody accuses, it is the one
 * that a word is said to be false about, or its examiner is trusted no more. Asked again after each repetition, until
 * nothing is owed: so all who heard the same claims end with the same findings.
 */
export function isOwed(panel: Panel, step: StepPlace, claimed: Claimed): boolean {
  return (
    claimed.workers.has(step.worker) ||
    claimed.guilty.has(step.worker) ||
    claimed.words.some((word) => isSameStep(word, step)) ||
    claimed.lazy.has(examinerIn(panel, step))
  )
}

/** Whether two places are the same step. */
export function isSameStep(one: StepPlace, other: StepPlace): boolean {
  return one.worker === other.worker && one.segment === other.segment && one.step === other.step
}

/** A name for a step among those of an attempt. */
export function stepKeyOf({ worker, segment, step }: StepPlace): string {
  return `${worker}/${segment}/${step}`
}
