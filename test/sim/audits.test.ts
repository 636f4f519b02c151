import { describe, expect, test } from 'vitest'
import { u32be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { type AuditRate, sampleSteps } from '#compute/train/sample.ts'
import {
  type Claimed,
  type Hearing,
  type Panel,
  type StepPlace,
  type Truth,
  examinerIn,
  isFalse,
  isOwed,
  partOf,
  stepKeyOf,
} from '#evaluator/panel.ts'
import type { Hex } from '#wire/primitives.ts'
import type { AuditWord } from '#wire/topic.ts'

/**
 * Jobs whose evaluators share the drawn steps, by the very rule that the daemon runs, with steps that are right or
 * wrong by lot instead of engines. Liars may say anything; whoever is honest must never be blamed.
 */
type Character = 'honest' | 'guesses' | 'hushes' | 'accuses' | 'silent'

const segmentSteps = 32
const members = ['e1', 'e2', 'e3'].map((byte): Hex => `0x${byte.repeat(20)}`)
const workers = ['a1', 'b2', 'c3'].map((byte): Hex => `0x${byte.repeat(20)}`)

/** Numbers from a seed. */
function diceOf(seed: number) {
  let n = 0
  return (bound: number) => {
    n += 1
    const digest = sha256(utf8('dice'), u32be(seed), u32be(n))
    return new DataView(digest.buffer).getUint32(0) % bound
  }
}

const hashOf = (...parts: (string | number)[]): Hex => toHex(sha256(utf8(parts.join('|'))))

interface Job {
  readonly seed: number
  readonly panel: Omit<Panel, 'self'>
  readonly characters: readonly Character[]
  readonly steps: readonly StepPlace[]
  readonly isRight: (step: StepPlace) => boolean
}

interface JobOptions {
  readonly characters: readonly Character[]
  readonly segments?: number
  readonly faultPercent?: number
  readonly rate?: AuditRate
}

function jobOf(seed: number, options: JobOptions): Job {
  const { characters, segments = 8, faultPercent = 0, rate = 'normal' } = options
  const auditSeed = hashOf('audit', seed)
  const steps = workers.flatMap((worker) =>
    Array.from({ length: segments }, (_, segment) => {
      const drawn = { attempt: 0, worker, segment, stepCount: segmentSteps, segmentCount: segments }
      return sampleSteps(auditSeed, drawn, rate).map((step) => ({ worker, segment, step }))
    }).flat(),
  )
  const all = members.slice(0, characters.length)
  const dice = diceOf(seed)
  const wrong = new Set(steps.filter(() => dice(100) < faultPercent).map(stepKeyOf))
  const panel = { members: all, all, isSharing: true, auditSeed, attempt: 0 }
  return { seed, panel, characters, steps, isRight: (step) => !wrong.has(stepKeyOf(step)) }
}

function truthOf(job: Job, step: StepPlace): Truth {
  const tags = job.panel.all.map((one) => [one, hashOf('tag', one, stepKeyOf(step))] as const)
  return { isEqual: job.isRight(step), tags: new Map(tags) }
}

/** What an evaluator says of a step. */
function wordOf(job: Job, evaluator: Hex, step: StepPlace): AuditWord | undefined {
  const character = job.characters[job.panel.all.indexOf(evaluator)]
  const { isEqual, tags } = truthOf(job, step)
  const tag = tags.get(evaluator) as Hex
  const signature: Hex = `0x${'00'.repeat(65)}`
  const word = { evaluator, ...step, isEqual, tag, signature }
  if (character === 'silent') return undefined
  if (character === 'guesses') return { ...word, isEqual: true, tag: hashOf('guess', tag) }
  if (character === 'hushes') return { ...word, isEqual: true }
  return character === 'accuses' ? { ...word, isEqual: false } : word
}

interface Judgement {
  readonly lazy: readonly Hex[]
  readonly guilty: readonly Hex[]
  readonly repeated: number
}

/** What everybody says before the claims: examiners about their own steps. */
function hearingOf(job: Job): Hearing & { words: readonly AuditWord[] } {
  const words = job.steps.flatMap((step) => {
    const examiner = examinerIn({ ...job.panel, self: members[0] as Hex }, step)
    return wordOf(job, examiner, step) ?? []
  })
  const byKey = new Map(words.map((word) => [`${word.evaluator}/${stepKeyOf(word)}`, word]))
  return {
    words,
    fixedOf: (examiner, worker) => {
      const isSilent = job.characters[job.panel.all.indexOf(examiner)] === 'silent'
      return isSilent ? 'late' : { lot: hashOf('lot', job.seed, examiner, worker) }
    },
    wordOf: (examiner, step) => byKey.get(`${examiner}/${stepKeyOf(step)}`),
  }
}

/** What an honest evaluator has repeated before the claims. */
function firstPart(job: Job, self: Hex, hearing: Hearing): Map<string, StepPlace> {
  const panel = { ...job.panel, self }
  const own = job.steps.filter((step) => partOf(panel, step, hearing) === 'mine')
  return new Map(own.map((step) => [stepKeyOf(step), step]))
}

interface Claims {
  readonly workers: readonly Hex[]
  readonly words: readonly AuditWord[]
}

function claimsOf(
  job: Job,
  self: Hex,
  known: Map<string, StepPlace>,
  words: readonly AuditWord[],
): Claims {
  const wrong = [...known.values()].filter((step) => !job.isRight(step))
  const lies = words.filter((word) => {
    return (
      word.evaluator !== self && known.has(stepKeyOf(word)) && isFalse(word, truthOf(job, word))
    )
  })
  return { workers: wrong.map(({ worker }) => worker), words: lies }
}

/** The judgement of an evaluator that has heard all claims. */
function judgementOf(
  job: Job,
  self: Hex,
  first: Map<string, StepPlace>,
  claims: readonly Claims[],
): Judgement {
  const known = new Map(first)
  const panel = { ...job.panel, self }
  const claimedWorkers = new Set(claims.flatMap((one) => one.workers))
  const words = claims.flatMap((one) => one.words)
  for (;;) {
    const lazy = new Set(
      words
        .filter((word) => known.has(stepKeyOf(word)) && isFalse(word, truthOf(job, word)))
        .map(({ evaluator }) => evaluator),
    )
    const guilty = new Set(
      [...known.values()].filter((step) => !job.isRight(step)).map(({ worker }) => worker),
    )
    const claimed: Claimed = { workers: claimedWorkers, words, lazy, guilty }
    const owed = job.steps.filter(
      (step) => !known.has(stepKeyOf(step)) && isOwed(panel, step, claimed),
    )
    if (owed.length === 0) {
      const others = [...lazy].filter((one) => one !== self)
      return { lazy: others.toSorted(), guilty: [...guilty].toSorted(), repeated: known.size }
    }
    for (const step of owed) known.set(stepKeyOf(step), step)
  }
}

interface Outcome {
  /** Of the honest members of the first panel. */
  readonly judgements: readonly Judgement[]
  /** Of a further panel that repeats everything. */
  readonly further: Judgement
}

function play(job: Job): Outcome {
  const hearing = hearingOf(job)
  const honest = job.panel.all.filter((_, i) => job.characters[i] === 'honest')
  const firsts = honest.map((self) => firstPart(job, self, hearing))
  const repeats = honest.flatMap((self, i) => {
    return [...(firsts[i] as Map<string, StepPlace>).values()].flatMap(
      (step) => wordOf(job, self, step) ?? [],
    )
  })
  const words = [...hearing.words, ...repeats]
  const claims: Claims[] = honest.map((self, i) =>
    claimsOf(job, self, firsts[i] as Map<string, StepPlace>, words),
  )
  // A false accuser names everybody and says of honest words that they are lies.
  if (job.characters.includes('accuses')) {
    claims.push({ workers, words: words.filter((_, i) => i % 5 === 0) })
  }
  const judgements = honest.map((self, i) =>
    judgementOf(job, self, firsts[i] as Map<string, StepPlace>, claims),
  )
  const all = new Map(job.steps.map((step) => [stepKeyOf(step), step]))
  const outside: Hex = `0x${'f0'.repeat(20)}`
  const late = claimsOf(job, outside, all, words)
  return { judgements, further: judgementOf(job, outside, all, [...claims, late]) }
}

const seeds = Array.from({ length: 60 }, (_, i) => i)
const casts: Character[][] = [
  ['honest', 'honest'],
  ['honest', 'guesses'],
  ['honest', 'hushes'],
  ['honest', 'accuses'],
  ['honest', 'silent'],
  ['honest', 'honest', 'guesses'],
  ['honest', 'honest', 'hushes'],
  ['honest', 'honest', 'accuses'],
  ['honest', 'hushes', 'guesses'],
]

describe('shared audits', () => {
  test.each(casts.map((cast) => [cast.join(', '), cast] as const))(
    'honest evaluators agree and blame nobody wrongly (%s)',
    (_name, characters) => {
      for (const seed of seeds) {
        const job = jobOf(seed, { characters, faultPercent: seed % 3 === 0 ? 0 : 6 })
        const { judgements, further } = play(job)
        const [first] = judgements
        for (const { lazy, guilty } of judgements) {
          expect({ lazy, guilty }, `seed ${seed}`).toEqual({
            lazy: first?.lazy,
            guilty: first?.guilty,
          })
        }
        for (const { lazy, guilty } of [...judgements, further]) {
          for (const one of lazy)
            expect(characters[members.indexOf(one)], `seed ${seed}`).not.toBe('honest')
          for (const worker of guilty) {
            const isWrong = job.steps.some((step) => step.worker === worker && !job.isRight(step))
            expect(isWrong, `seed ${seed}`).toBe(true)
          }
        }
        // A further panel may find more, and only where somebody is lazy: then nobody who trusted pays.
        const isMore = further.guilty.length > (first?.guilty.length ?? 0)
        if (isMore) expect(further.lazy.length, `seed ${seed}`).toBeGreaterThan(0)
      }
    },
  )

  test.each<[AuditRate, number, number]>([
    ['normal', 3.3, 3.5],
    ['trusted', 0.75, 0.95],
    ['new', 6.5, 7],
  ])('of a %s worker the panel repeats %d to %d percent of the steps', (rate, least, most) => {
    let repeated = 0
    let all = 0
    for (let seed = 0; seed < 150; seed += 1) {
      const job = jobOf(seed, { characters: ['honest', 'honest'], segments: 16, rate })
      repeated += play(job).judgements.reduce((sum, one) => sum + one.repeated, 0)
      all += workers.length * 16 * segmentSteps
    }
    const percent = (100 * repeated) / all
    expect(percent).toBeGreaterThan(least)
    expect(percent).toBeLessThanOrEqual(most)
  })

  test.each<[Character, number]>([
    ['guesses', 0],
    ['hushes', 10],
  ])(
    'who %s is called lazy in nearly all jobs of 64 segments a worker',
    (character, faultPercent) => {
      const characters: Character[] = ['honest', character]
      const caught = Array.from({ length: 20 }, (_, seed) => {
        const { judgements } = play(jobOf(seed, { characters, segments: 64, faultPercent }))
        return judgements[0]?.lazy.includes(members[1] as Hex) === true
      })
      expect(caught.filter(Boolean).length).toBeGreaterThanOrEqual(
        character === 'guesses' ? 19 : 10,
      )
    },
  )
})
