import type { Clock } from '#base/clock.ts'
import type { Hex } from '#wire/primitives.ts'
import type { AuditEntry, AuditWord, ClaimsEntry, TopicEntry } from '#wire/topic.ts'
import { type Fixed, type Hearing, type StepPlace, stepKeyOf } from './panel.ts'

export interface HearingDeps {
  readonly clock: Clock
  /** Number of the newest final block. */
  readonly height: () => bigint
  /** The beacon of a height; undefined while it is not final. */
  readonly randomness: (height: bigint) => Promise<Hex | undefined>
  /** Whether a key of the evaluator signed the word. */
  readonly isSigned: (word: AuditWord) => Promise<boolean>
}

/** What the evaluators of an attempt say in its topic. */
export interface Voices extends Hearing {
  /** Takes an entry that the evaluator itself has sent. */
  hear(entry: TopicEntry): Promise<void>
  /** Reads the beacons that have come. */
  update(): Promise<void>
  /** All signed words about a step. */
  wordsOn(step: StepPlace): readonly AuditWord[]
  /** The claims of an evaluator, once it has made them. */
  claimsOf(evaluator: Hex): Claims | undefined
  /** When something of an evaluator came last; when this one began to listen, if nothing has. */
  heardAtMs(evaluator: Hex): number
}

/** Claims whose words were really signed. */
export interface Claims {
  readonly workers: readonly Hex[]
  readonly words: readonly AuditWord[]
}

interface Fixing {
  readonly height: bigint
  readonly isLate: boolean
  lot?: Hex
}

interface Voice {
  heardAtMs: number
  /** First words, from before the worker's were fixed. */
  readonly first: Map<string, AuditWord>
  readonly fixings: Map<Hex, Fixing>
  claims?: Claims
}

const wordsMax = 16

/** Creates the listener of one attempt. What is not signed as it should be was not said. */
export function createVoices(deps: HearingDeps): Voices {
  const { clock } = deps
  const beganAtMs = clock.nowMs()
  const voices = new Map<Hex, Voice>()
  const words = new Map<string, AuditWord[]>()

  function voiceOf(evaluator: Hex): Voice {
    const known = voices.get(evaluator)
    if (known) return known
    const voice: Voice = { heardAtMs: beganAtMs, first: new Map(), fixings: new Map() }
    voices.set(evaluator, voice)
    return voice
  }

  async function hear(entry: TopicEntry): Promise<void> {
    if (entry.kind !== 'audit' && entry.kind !== 'fixed' && entry.kind !== 'claims') return
    const voice = voiceOf(entry.evaluator)
    voice.heardAtMs = clock.nowMs()
    if (entry.kind === 'audit') await hearWord(voice, entry)
    if (entry.kind === 'claims') voice.claims ??= await checked(entry)
    if (entry.kind === 'fixed' && !voice.fixings.has(entry.worker)) {
      const height = BigInt(entry.height)
      voice.fixings.set(entry.worker, { height, isLate: height <= deps.height() })
    }
  }

  async function hearWord(voice: Voice, entry: AuditEntry): Promise<void> {
    const word = wordIn(entry)
    if (word === undefined || !(await deps.isSigned(word))) return
    const key = stepKeyOf(word)
    const known = words.get(key) ?? []
    if (known.length < wordsMax) words.set(key, [...known, word])
    if (!voice.first.has(key) && !voice.fixings.has(word.worker)) voice.first.set(key, word)
  }

  async function checked({ workers, words: claimed }: ClaimsEntry): Promise<Claims> {
    const signed = await Promise.all(claimed.map((word) => deps.isSigned(word)))
    return { workers, words: claimed.filter((_, i) => signed[i]) }
  }

  async function update(): Promise<void> {
    for (const { fixings } of voices.values()) {
      for (const fixing of fixings.values()) {
        if (fixing.isLate || fixing.lot !== undefined) continue
        const lot = await deps.randomness(fixing.height)
        if (lot !== undefined) fixing.lot = lot
      }
    }
  }

  function fixedOf(examiner: Hex, worker: Hex): Fixed {
    const voice = voices.get(examiner)
    const fixing = voice?.fixings.get(worker)
    // Whoever is done without having fixed its tags will not.
    if (fixing === undefined) return voice?.claims === undefined ? 'open' : 'late'
    return fixing.isLate ? 'late' : { lot: fixing.lot }
  }

  return {
    hear,
    update,
    fixedOf,
    wordOf: (examiner, step) => voices.get(examiner)?.first.get(stepKeyOf(step)),
    wordsOn: (step) => words.get(stepKeyOf(step)) ?? [],
    claimsOf: (evaluator) => voices.get(evaluator)?.claims,
    heardAtMs: (evaluator) => voices.get(evaluator)?.heardAtMs ?? beganAtMs,
  }
}

function wordIn({ outcome, tag, signature, ...entry }: AuditEntry): AuditWord | undefined {
  if (outcome === 'withheld' || tag === undefined || signature === undefined) return undefined
  const { evaluator, worker, segment, step } = entry
  return { evaluator, worker, segment, step, isEqual: outcome === 'equal', tag, signature }
}
