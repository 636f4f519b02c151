import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { zeroHash } from '#compute/train/commit.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { firstBatchOf } from '#compute/train/records.ts'
import type { AuditRate } from '#compute/train/sample.ts'
import { packSegments } from '#evaluator/judge.ts'
import { parseJson } from '#wire/canonical.ts'
import { cidOfDigest, digestOfCid } from '#wire/cid.ts'
import { evidenceSchema } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { OpeningEntry } from '#wire/topic.ts'
import { encodeRows } from '../compute/fixtures.ts'
import { arenaTrain, owners } from '../compute/train/arena.ts'
import { openBench, serveWithout } from './bench.ts'
import {
  type Case,
  type CaseOptions,
  buildCase,
  drawnOf,
  evaluators,
  examine,
  redraw,
  say,
  serve,
  serveAll,
} from './case.ts'

const { world, hub, honest } = await openBench()

const liar = owners[1] as Hex

/** Whether a worker that skips every second step of a round skipped this one. */
function isSkipped(step: DrawnStep): boolean {
  return step.kind === 'local' && (step.batch - firstBatchOf(arenaTrain, step.round)) % 2 === 1
}

const ofLiar = (drawn: readonly DrawnStep[]) => drawn.filter(({ worker }) => worker === liar)
const localsOf = (drawn: readonly DrawnStep[]) => drawn.filter(({ kind }) => kind === 'local')

describe('examineAttempt', () => {
  test('gives two evaluators the same clean verdict, and the metric of the model', async () => {
    const wanted = (drawn: readonly DrawnStep[]) =>
      drawn.some(({ kind }) => kind === 'aggregation') && drawn.some(({ kind }) => kind === 'local')
    const made = redraw(honest, wanted)
    await serveAll(made)
    const [one, other] = await Promise.all([
      examine(hub, made, { index: 0 }),
      examine(hub, made, { index: 1 }),
    ])
    expect(one.findings).toEqual([])
    const [first] = made.results
    const { evaluation } = await plainEvaluation(made)
    expect(one.verdict).toEqual({
      modelHash: first?.modelHash,
      modelCidDigest: first?.modelCidDigest,
      metricMicros: BigInt(Math.round(evaluation * 1e6)),
      segments: packSegments([2, 2, 2]),
      guiltyMask: 0,
      withheldMask: 0,
      lazyMask: 0,
      evidenceDigest: zeroHash,
    })
    expect(one.verdict.metricMicros).toBeGreaterThan(0n)
    expect(other.verdict).toEqual(one.verdict)
    expect([one.heldOutKey, other.heldOutKey]).toEqual([made.heldOutKey, made.heldOutKey])
  })

  test('looks at more steps of a new worker, and at fewer of a trusted one', async () => {
    const made = redraw(honest, (_, ofNew) => ofNew(owners[0] as Hex).length === 4)
    const rates = new Map<Hex, AuditRate>([
      [owners[0] as Hex, 'new'],
      [owners[2] as Hex, 'trusted'],
    ])
    const drawn = owners.flatMap((owner) => drawnOf(made, owner, rates.get(owner) ?? 'normal'))
    for (const step of drawn) if (step.kind === 'local') await serve(made, step)
    const { findings, steps } = await examine(hub, made, { rates })
    expect(findings).toEqual([])
    expect(steps).toEqual({ repeated: drawn.length, all: 3 * 2 * 8 })
    expect(drawnOf(made, owners[2] as Hex, 'trusted').length).toBe(1)
  })

  test('blames a new worker for a step beyond the first that it did not do', async () => {
    const rates = new Map<Hex, AuditRate>([[liar, 'new']])
    const made = await buildCase(hub, {
      lies: { 1: 'skip' },
      wanted: (drawn, ofNew) => !ofLiar(drawn).some(isSkipped) && ofNew(liar).some(isSkipped),
    })
    await serveAll(made)
    expect((await examine(hub, made)).findings).toEqual([])
    for (const step of drawnOf(made, liar, 'new'))
      if (step.kind === 'local') await serve(made, step)
    const { findings } = await examine(hub, made, { rates })
    expect(new Set(findings.map(({ worker }) => worker))).toEqual(new Set([liar]))
  })

  test.each<[string, CaseOptions]>([
    ['skips steps', { lies: { 1: 'skip' }, wanted: (drawn) => ofLiar(drawn).some(isSkipped) }],
    ['adds noise', { lies: { 1: 'noise' }, wanted: (drawn) => localsOf(ofLiar(drawn)).length > 0 }],
    ['copies an update', { lies: { 1: 'copy' }, wanted: (drawn) => ofLiar(drawn).some(isSkipped) }],
  ])('convicts a worker that %s, with the same evidence from both', async (_name, options) => {
    const made = await buildCase(hub, options)
    await serveAll(made)
    const [one, other] = await Promise.all([
      examine(hub, made, { index: 0 }),
      examine(hub, made, { index: 1 }),
    ])
    expect(one.verdict).toMatchObject({
      modelHash: zeroHash,
      modelCidDigest: made.results[0]?.modelCidDigest,
      metricMicros: 0n,
      segments: 0n,
      guiltyMask: 0b010,
      withheldMask: 0,
      lazyMask: 0,
    })
    expect(new Set(one.findings.map(({ kind, worker }) => `${kind} ${worker}`))).toEqual(
      new Set([`step ${liar}`]),
    )
    expect(other.verdict).toEqual(one.verdict)
    expect([one.heldOutKey, other.heldOutKey]).toEqual([zeroHash, zeroHash])
    const bytes = await other.artifacts.get(cidOfDigest(one.verdict.evidenceDigest))
    expect(evidenceSchema.parse(parseJson(bytes)).findings).toEqual(one.findings)
  })

  test('convicts who lies about the aggregate that the others agree on', async () => {
    const wanted = (drawn: readonly DrawnStep[]) =>
      ofLiar(drawn).every(({ kind }) => kind === 'local')
    const made = await buildCase(hub, { lies: { 1: 'aggregate' }, wanted })
    await serveAll(made)
    const { verdict, findings } = await examine(hub, made)
    expect(verdict).toMatchObject({ guiltyMask: 0b010, withheldMask: 0 })
    expect(findings).toMatchObject([{ kind: 'aggregation', worker: liar, segment: 0, round: 1 }])
  })

  test('convicts all who agree on a wrong aggregate, where it is drawn', async () => {
    const lies = { 0: 'aggregate', 1: 'aggregate', 2: 'aggregate' } as const
    const isHit = ({ kind, round }: DrawnStep) => kind === 'aggregation' && round === 1
    const made = await buildCase(hub, { lies, wanted: (drawn) => ofLiar(drawn).some(isHit) })
    await serveAll(made)
    const { verdict, findings } = await examine(hub, made)
    const hit = made.drawn.filter(isHit).map(({ worker }) => worker)
    expect(findings.map(({ kind, worker }) => [kind, worker])).toEqual(
      hit.map((worker) => ['aggregation', worker]),
    )
    expect(verdict.guiltyMask).toBe(
      hit.reduce((mask, worker) => mask | (1 << owners.indexOf(worker)), 0),
    )
  })

  const isLiarsUpdate = (path: string) => path.includes('update-1-')
  const hasAggregation = (drawn: readonly DrawnStep[]) =>
    drawn.some(({ kind }) => kind === 'aggregation')

  test('convicts the author of a listed update whose bytes are others', async () => {
    const made = await buildCase(hub, {
      wanted: hasAggregation,
      cidOf: async (path, source) => {
        if (!isLiarsUpdate(path)) return source.addFile(path)
        return source.add(new Uint8Array((await readFile(path)).length))
      },
    })
    await serveAll(made)
    const { verdict, findings } = await examine(hub, made)
    expect(new Set(findings.map(({ kind, worker }) => `${kind} ${worker}`))).toEqual(
      new Set([`updateBytes ${liar}`]),
    )
    expect(verdict).toMatchObject({ guiltyMask: 0b010, withheldMask: 0 })
  })

  test('an update that nobody serves is withheld, and takes no time from the states', async () => {
    const made = await buildCase(hub, {
      wanted: hasAggregation,
      cidOf: async (path, source) =>
        isLiarsUpdate(path) ? cidOfDigest(toHex(sha256(Buffer.from(path)))) : source.addFile(path),
    })
    await serveAll(made)
    const over = new AbortController()
    const all = localsOf(made.drawn).length
    const onTold = (count: number) => count >= all && over.abort()
    const { verdict, findings } = await examine(hub, made, { sharing: over.signal, onTold })
    expect(new Set(findings.map(({ kind, worker }) => `${kind} ${worker}`))).toEqual(
      new Set([`updateWithheld ${liar}`]),
    )
    expect(verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010 })
  })

  test('a state that nobody served is withheld, which is no guilt', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length > 0
    const made = redraw(honest, wanted)
    const examined = await examine(hub, made, await serveWithout(made, liar))
    expect(examined.verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010, segments: 0n })
    expect(examined.findings).toEqual(
      localsOf(ofLiar(made.drawn)).map(({ worker, segment, step, round }) => {
        return { kind: 'stateWithheld', worker, segment, step, round }
      }),
    )
  })

  test('a served file that is not the state counts as withheld', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length === 1
    const made = redraw(honest, wanted)
    await serveAll(made, ({ worker }) => worker === liar)
    const [step] = localsOf(ofLiar(made.drawn)) as [DrawnStep]
    const junk = join(await world.directory(), 'junk')
    await writeFile(junk, 'no state')
    await serve(made, step, junk)
    await serve(made, step, made.arena.finalState(liar))
    const over = new AbortController()
    const others = localsOf(made.drawn).length - 1
    const onTold = (count: number) => count >= others && over.abort()
    const { verdict } = await examine(hub, made, {
      serving: over.signal,
      sharing: over.signal,
      onTold,
    })
    expect(verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010 })
  })

  test('what one evaluator was served in time, the other accepts after it', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length === 1
    const made = redraw(honest, wanted)
    await serveAll(made)
    const first = await examine(hub, made, { index: 0 })
    expect(first.verdict.withheldMask).toBe(0)
    // The second one heard of the state only when the window was over, from the first.
    const over = AbortSignal.abort()
    const second = await examine(hub, made, { index: 1, serving: over })
    expect(second.verdict).toEqual(first.verdict)
    // Without that word nothing that is late counts.
    const isAudit = (author: string) => evaluators.some((evaluator) => evaluator === author)
    const alone = await examine(hub, made, {
      index: 1,
      serving: over,
      sharing: over,
      sees: ({ author }) => !isAudit(author),
    })
    const late = new Set(localsOf(made.drawn).map(({ worker }) => owners.indexOf(worker)))
    expect(alone.verdict.withheldMask).toBe([...late].reduce((mask, i) => mask | (1 << i), 0))
  })

  test('a state that comes too late for both is withheld, as soon as both have said so', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length === 1
    const made = redraw(honest, wanted)
    await serveAll(made, ({ worker }) => worker === liar)
    const over = new AbortController()
    const others = 2 * (localsOf(made.drawn).length - 1)
    let told = 0
    const onTold = async () => {
      told += 1
      if (told !== others) return
      over.abort()
      const [late] = localsOf(ofLiar(made.drawn)) as [DrawnStep]
      await serve(made, late)
    }
    const [one, other] = await Promise.all(
      [0, 1].map((index) => examine(hub, made, { index, serving: over.signal, onTold })),
    )
    expect(one?.verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010 })
    expect(other?.verdict).toEqual(one?.verdict)
  })

  test('a state that the worker cannot be reached for at first is asked for again', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length === 1
    const made = redraw(honest, wanted)
    await serveAll(made)
    const [step] = localsOf(ofLiar(made.drawn)) as [DrawnStep]
    const failing = { left: 5, cid: openingOf(made, step) }
    const { verdict } = await examine(hub, made, { failing })
    expect(failing.left).toBe(0)
    expect(verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0 })
  })

  test('a transcript that nobody serves is withheld, and the others are examined', async () => {
    const made = redraw(honest)
    await serveAll(made)
    const digest = toHex(sha256(Uint8Array.of(1)))
    made.results[1] = {
      ...(made.results[1] as Case['results'][number]),
      transcriptCidDigest: digest,
    }
    const reading = AbortSignal.timeout(1500)
    const { verdict, findings } = await examine(hub, made, { reading })
    expect(verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0b010 })
    expect(findings).toEqual([{ kind: 'transcriptWithheld', worker: liar }])
  })

  test('convicts a worker whose model directory is not that of its last state', async () => {
    const made = redraw(honest)
    await serveAll(made)
    const cid = await made.source.addDirectory([{ name: 'manifest.json', bytes: Uint8Array.of(1) }])
    const other = made.results[0] as Case['results'][number]
    made.results[0] = { ...other, modelCidDigest: digestOfCid(cid) }
    const { verdict, findings } = await examine(hub, made)
    expect(verdict).toMatchObject({
      guiltyMask: 0b001,
      modelCidDigest: made.results[1]?.modelCidDigest,
    })
    expect(findings).toMatchObject([{ kind: 'modelCid', worker: owners[0] }])
  })

  test('a held-out key that opens nothing leaves the metric at 0', async () => {
    const made = await buildCase(hub, { isSealedWrong: true })
    await serveAll(made)
    const { verdict, findings } = await examine(hub, made)
    expect(findings).toEqual([])
    expect(verdict).toMatchObject({ metricMicros: 0n, modelHash: made.results[0]?.modelHash })
  })

  test('entries that speak for others are skipped', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length === 1
    const made = redraw(honest, wanted)
    await serveAll(made, ({ worker }) => worker === liar)
    const [step] = localsOf(ofLiar(made.drawn)) as [DrawnStep]
    await serve(made, step)
    const opening = made.entries.pop()
    made.entries.push({ ...opening, author: owners[0] as Hex } as Case['entries'][number])
    say(made, owners[0] as Hex, {
      kind: 'audit',
      attempt: 0,
      evaluator: evaluators[0] as Hex,
      worker: liar,
      segment: step.segment,
      step: step.step,
      outcome: 'equal',
    })
    const over = new AbortController()
    const others = localsOf(made.drawn).length - 1
    const onTold = (count: number) => count >= others && over.abort()
    const { verdict } = await examine(hub, made, {
      index: 1,
      serving: over.signal,
      sharing: over.signal,
      onTold,
    })
    expect(verdict.withheldMask).toBe(0b010)
  })
})

/** Where the topic says the state before a step is. */
function openingOf({ entries }: Case, { worker, segment }: DrawnStep): string {
  const bodies = entries.map(({ body }) => parseJson(body) as Partial<OpeningEntry>)
  const found = bodies.find((entry) => entry.worker === worker && entry.segment === segment)
  return found?.cid ?? ''
}

/** The model's accuracy, from rows that were never encrypted. */
async function plainEvaluation({ arena }: Case) {
  const rowsFile = join(arena.directory, 'plain.safetensors')
  await writeFile(rowsFile, encodeRows(arena.course.train, 90))
  const { metric } = await arena.runner.evaluate({ model: arena.finalState(liar), rowsFile })
  return { evaluation: metric }
}
