import { describe, expect, test } from 'vitest'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { examinerOf, repeaterOf } from '#compute/train/panel.ts'
import type { Court } from '#evaluator/court.ts'
import { evidenceSchema } from '#wire/evidence.ts'
import { parseJson } from '#wire/canonical.ts'
import { cidOfDigest } from '#wire/cid.ts'
import type { Hex } from '#wire/primitives.ts'
import { type TopicEntry, topicEntrySchema } from '#wire/topic.ts'
import { owners } from '../compute/train/arena.ts'
import { openBench } from './bench.ts'
import { type Case, buildCase, evaluators, examine, redraw, say, serve, serveAll } from './case.ts'

const { hub, honest } = await openBench()

const count = evaluators.length
const examinerIn = (made: Case, step: DrawnStep) =>
  examinerOf(made.auditSeed, { attempt: 0, ...step }, count)
const stepsOf = (made: Case, examiner: number) =>
  made.drawn.filter((step) => examinerIn(made, step) === examiner)

/** Steps that a lot has repeated by a second one. */
const repeatedBy = (made: Case, lot: Hex) =>
  made.drawn.filter((step) => {
    const examiner = examinerIn(made, step)
    return repeaterOf(lot, { attempt: 0, ...step }, { examiner, count }) !== undefined
  })

/** The first lot that pleases. */
function lotFor(made: Case, isWanted: (twice: readonly DrawnStep[]) => boolean): Hex {
  for (let n = 0; n < 65_536; n += 1) {
    const lot = toHex(sha256(Uint8Array.of(n >> 8, n & 255)))
    if (isWanted(repeatedBy(made, lot))) return lot
  }
  throw new Error('no such lot')
}

const quiet = (made: Case) => lotFor(made, (twice) => twice.length === 0)

/** The case with a draw that gives both evaluators something to do, and the second one something that it hides. */
function divided(made: Case, isHidden: (step: DrawnStep) => boolean = () => true): Case {
  const isDivided = (drawn: Case) =>
    stepsOf(drawn, 0).length > 1 && stepsOf(drawn, 1).length > 1 && stepsOf(drawn, 1).some(isHidden)
  for (let n = 0; n < 1_000; n += 1) {
    let left = n
    const drawn = redraw(made, () => left-- <= 0)
    if (isDivided(drawn)) return drawn
  }
  throw new Error('no such draw')
}

const both = (made: Case, options: Parameters<typeof examine>[2][] = []) =>
  Promise.all(
    [0, 1].map((index) => examine(hub, made, { index, isShared: true, ...options[index] })),
  )

const isFaulty = (step: DrawnStep) => step.worker === owners[1] && step.kind === 'local'

/** Gives tags without the bytes that they are of. */
const guess = (entry: TopicEntry): TopicEntry =>
  entry.kind === 'audit' ? { ...entry, tag: toHex(sha256(Uint8Array.of(entry.step))) } : entry

describe('examineTogether', () => {
  test('each step is repeated once, by its examiner, and the verdicts are equal', async () => {
    const made = divided(honest)
    await serveAll(made)
    const lot = quiet(made)
    const [one, other] = await both(made, [{ lot }, { lot }])
    expect(one?.findings).toEqual([])
    expect(one?.verdict.modelHash).toBe(made.results[0]?.modelHash)
    expect(other?.verdict).toEqual(one?.verdict)
    expect(one?.steps.repeated).toBe(stepsOf(made, 0).length)
    expect(other?.steps.repeated).toBe(stepsOf(made, 1).length)
  })

  test('what the lot draws is repeated by the other one as well', async () => {
    const made = divided(honest)
    await serveAll(made)
    const lot = lotFor(made, (twice) => twice.length > 0)
    const twice = repeatedBy(made, lot)
    const [one, other] = await both(made, [{ lot }, { lot }])
    expect(other?.verdict).toEqual(one?.verdict)
    expect(one?.verdict.lazyMask).toBe(0)
    const repeated = (one?.steps.repeated ?? 0) + (other?.steps.repeated ?? 0)
    expect(repeated).toBe(made.drawn.length + twice.length)
    expect(twice.length).toBeGreaterThan(0)
  })

  test('an evaluator whose tag is a guess is called lazy, and all it examined is repeated', async () => {
    const made = divided(honest)
    await serveAll(made)
    // The lot shows another false word than the first of all, which a further panel finds.
    const isOwn = (step: DrawnStep) => examinerIn(made, step) === 1
    const lot = lotFor(made, (twice) => {
      const own = twice.filter(isOwn)
      return own.length > 0 && own.every((step) => step !== stepsOf(made, 1)[0])
    })
    const [one, lazy] = await both(made, [{ lot }, { lot, lies: guess }])
    expect(one?.verdict).toMatchObject({ lazyMask: 0b10, guiltyMask: 0, withheldMask: 0 })
    expect(one?.verdict.modelHash).toBe(made.results[0]?.modelHash)
    expect(one?.steps.repeated).toBe(made.drawn.length)
    expect(lazy?.verdict.lazyMask).toBe(0)
    const digest = one?.verdict.evidenceDigest as Hex
    const bytes = await one?.artifacts.get(cidOfDigest(digest))
    const { lazy: called } = evidenceSchema.parse(parseJson(bytes as Uint8Array))
    expect(called).toEqual([evaluators[1]])
    // A further panel repeats everything and ends with the same verdict.
    const further = await examine(hub, made, { index: 0, isFurther: true })
    expect(further.verdict).toEqual(one?.verdict)
  })

  /** An attempt whose second evaluator guesses its tags, which the first one has found out and claimed. */
  async function withLazy() {
    const made = divided(honest)
    await serveAll(made)
    const lot = lotFor(made, (twice) => twice.some((step) => examinerIn(made, step) === 1))
    await both(made, [{ lot }, { lot, lies: guess }])
    return made
  }
  const claimsIn = ({ entries }: Case) =>
    entries.filter(({ body, author }) => {
      const entry = topicEntrySchema.parse(parseJson(body))
      return author === evaluators[0] && entry.kind === 'claims'
    })

  test('a further panel counts its own claims where nobody else has made them', async () => {
    const made = await withLazy()
    const [first] = claimsIn(made)
    const sees = (entry: unknown) => entry !== first
    const further = await examine(hub, made, { index: 0, isFurther: true, sees })
    expect(further.verdict).toMatchObject({ lazyMask: 0b10, guiltyMask: 0 })
  })

  test('what it claimed before it was killed counts, and is all that it says', async () => {
    const made = divided(honest)
    await serveAll(made)
    const [self] = evaluators as [Hex]
    const lot = lotFor(made, (twice) => twice.some((step) => examinerIn(made, step) === 1))
    // The process before had not yet heard the word that is false.
    say(made, self, { kind: 'claims', attempt: 0, evaluator: self, workers: [], words: [] })
    const [one] = await both(made, [{ lot }, { lot, lies: guess }])
    expect(one?.verdict.lazyMask).toBe(0)
    expect(claimsIn(made)).toHaveLength(1)
  })

  test('what cannot be judged while the chain is away is read later', async () => {
    const made = divided(honest)
    await serveAll(made)
    let asked = 0
    const accountOfPeer = async (peer: string) => {
      asked += 1
      if (asked <= 3) throw new AppError({ code: 'RPC_DOWN', retryable: true })
      return peer as Hex
    }
    const one = await examine(hub, made, { accountOfPeer })
    expect(one.findings).toEqual([])
    expect(one.steps.repeated).toBe(made.drawn.length)
    expect(asked).toBeGreaterThan(3)
  })

  test('a fault that its examiner keeps to itself is found by the lot, and its word is false', async () => {
    const made = divided(await buildCase(hub, { lies: { 1: 'noise' } }), isFaulty)
    await serveAll(made)
    const hushed = (entry: TopicEntry): TopicEntry => {
      if (entry.kind === 'audit') return { ...entry, outcome: 'equal' }
      return entry.kind === 'claims' ? { ...entry, workers: [] } : entry
    }
    const isHidden = (step: DrawnStep) => isFaulty(step) && examinerIn(made, step) === 1
    const lot = lotFor(made, (twice) => twice.some(isHidden))
    const [one] = await both(made, [{ lot }, { lot, lies: hushed }])
    expect(one?.verdict).toMatchObject({ lazyMask: 0b10, guiltyMask: 0b010 })
    expect(one?.findings.length).toBe(made.drawn.filter(isFaulty).length)
  })

  test('a fault that one claims is repeated by all: the same verdict and evidence', async () => {
    const made = divided(await buildCase(hub, { lies: { 1: 'noise' } }), isFaulty)
    await serveAll(made)
    const lot = quiet(made)
    const [one, other] = await both(made, [{ lot }, { lot }])
    expect(one?.verdict).toMatchObject({ lazyMask: 0, guiltyMask: 0b010 })
    expect(other?.verdict).toEqual(one?.verdict)
    expect(one?.findings.length).toBe(made.drawn.filter(isFaulty).length)
  })

  test('tags that come after the lot count for nothing', async () => {
    const made = divided(honest)
    await serveAll(made)
    const late = (entry: TopicEntry): TopicEntry =>
      entry.kind === 'fixed' ? { ...entry, height: 20 } : entry
    const [one, other] = await both(made, [{}, { lies: late }])
    expect(one?.steps.repeated).toBe(made.drawn.length)
    expect(other?.verdict).toEqual(one?.verdict)
  })

  test('a silent evaluator is not waited for once transcripts may no longer be served', async () => {
    const made = divided(honest)
    await serveAll(made)
    const [over, ended] = [new AbortController(), new AbortController()]
    const onTold = (told: number) => {
      if (told === stepsOf(made, 0).length) over.abort()
      if (told === made.drawn.length) ended.abort()
    }
    const windows = { reading: over.signal, sharing: ended.signal }
    const one = await examine(hub, made, { isShared: true, ...windows, onTold })
    expect(one.findings).toEqual([])
    expect(one.steps.repeated).toBe(made.drawn.length)
  })

  test('whoever repeated everything waits for no claims of a silent one', async () => {
    const made = divided(honest)
    await serveAll(made)
    const over = new AbortController()
    const onTold = (told: number) => told === stepsOf(made, 0).length && over.abort()
    const one = await examine(hub, made, { isShared: true, reading: over.signal, onTold })
    expect(one.steps.repeated).toBe(made.drawn.length)
    expect(one.findings).toEqual([])
  })
})

describe('where validators decide about withheld states', () => {
  const hidden = (made: Case) => made.drawn.find(isFaulty) as DrawnStep
  /** A window that is over once so many steps were told of, by all together. */
  const overAfter = (count: number) => {
    const over = new AbortController()
    let told = 0
    const onTold = () => {
      told += 1
      if (told === count) over.abort()
    }
    return { signal: over.signal, onTold }
  }
  const noCourt: Court = {
    look: async () => 'open',
    fetched: async () => undefined,
    tend: async () => undefined,
    isSitting: () => false,
    withheld: () => [],
  }

  test('what they could not fetch is withheld, whoever had it', async () => {
    const made = divided(honest, isFaulty)
    const kept = hidden(made)
    await serveAll(made, (step) => step === kept)
    const ruled = { ...noCourt, look: async () => 'withheld' as const, withheld: () => [kept] }
    const lot = quiet(made)
    const over = overAfter(made.drawn.length - 1)
    const options = { lot, court: ruled, serving: over.signal, onTold: over.onTold }
    const [one, other] = await both(made, [options, options])
    expect(one?.verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010 })
    expect(one?.findings).toMatchObject([{ kind: 'stateWithheld', worker: kept.worker }])
    expect(other?.verdict).toEqual(one?.verdict)
    // A third one that was served in time says the same.
    const all = divided(honest, isFaulty)
    await serveAll(all)
    const had = await examine(hub, all, {
      index: 0,
      court: { ...ruled, withheld: () => [hidden(all)] },
    })
    expect(had.verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010 })
  })

  test('a request whose state came meanwhile is brought to its end', async () => {
    const made = divided(honest)
    await serveAll(made)
    let tended = 0
    const court: Court = {
      ...noCourt,
      tend: async () => void (tended += 1),
      isSitting: () => tended < 3,
    }
    const one = await examine(hub, made, { court })
    expect(one.findings).toEqual([])
    expect(tended).toBe(3)
  })

  test('what they have is fetched from them after the windows, and the bond comes back', async () => {
    const made = divided(honest, isFaulty)
    const kept = hidden(made)
    await serveAll(made, (step) => step === kept)
    const back: DrawnStep[] = []
    let looks = 0
    const court: Court = {
      ...noCourt,
      look: async () => {
        looks += 1
        if (looks < 3) return 'open'
        if (looks === 3) await serve(made, kept)
        return 'served'
      },
      fetched: async (step) => void back.push(step as DrawnStep),
    }
    const { signal: serving, onTold } = overAfter(made.drawn.length - 1)
    const one = await examine(hub, made, { court, serving, onTold })
    expect(one.findings).toEqual([])
    expect(one.steps.repeated).toBe(made.drawn.length)
    expect(back).toContainEqual(kept)
  })
})
