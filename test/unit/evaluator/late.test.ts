import { describe, expect, test } from 'vitest'
import type { Clock } from '#base/clock.ts'
import { realClock } from '#cli/real-clock.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { cidOfDigest, codecs } from '#wire/cid.ts'
import type { Hex } from '#wire/primitives.ts'
import { owners } from '../compute/train/arena.ts'
import { rejection } from '../p2p/world.ts'
import { openBench, serveWithout } from './bench.ts'
import { type Case, examine, redraw, serveAll } from './case.ts'

const { hub, honest } = await openBench()

const liar = owners[1] as Hex
const localsOf = (drawn: readonly DrawnStep[]) => drawn.filter(({ kind }) => kind === 'local')
const ofLiar = (drawn: readonly DrawnStep[]) => drawn.filter(({ worker }) => worker === liar)

describe('what one evaluator does not get', () => {
  test('whoever came too late to wait accuses nobody: LATE', async () => {
    const wanted = (drawn: readonly DrawnStep[]) => localsOf(ofLiar(drawn)).length > 0
    const made = redraw(honest, wanted)
    const windows = { ...(await serveWithout(made, liar)), isCut: true }
    expect(await rejection(examine(hub, made, windows))).toBe('LATE')
    // It still judges what it has.
    const all = redraw(honest, wanted)
    await serveAll(all)
    const { verdict } = await examine(hub, all, { isCut: true })
    expect(verdict).toMatchObject({ guiltyMask: 0, withheldMask: 0 })
  })

  /** A clock of a hundred times the pace. */
  const fast: Clock = {
    nowMs: realClock.nowMs,
    sleep: (ms, signal) => realClock.sleep(ms / 100, signal),
  }
  /** Nothing of the model's is there: neither directories nor what its last round added up. */
  const awayUntil = (made: Case, isOver: () => boolean) => {
    const lists = [...made.transcripts.values()][0]?.rounds ?? []
    const updates = lists.at(-1)?.list.map(({ cid }) => cid) ?? []
    const directories = made.results.map(({ modelCidDigest }) =>
      cidOfDigest(modelCidDigest, codecs.dagPb),
    )
    const gone = [...updates, ...directories]
    return (path: string) => !isOver() && gone.some((cid) => path.startsWith(cid))
  }
  const isLocal = (drawn: readonly DrawnStep[]) => drawn.every(({ kind }) => kind === 'local')

  test('a model that comes after a minute is not withheld', async () => {
    const made = redraw(honest, isLocal)
    await serveAll(made)
    let beganMs: number | undefined
    const isAway = awayUntil(made, () => {
      beganMs ??= Date.now()
      return Date.now() - beganMs > 600
    })
    const { verdict, findings } = await examine(hub, made, { isAway, clock: fast })
    expect(findings).toEqual([])
    expect(verdict.modelHash).toBe(made.results[0]?.modelHash)
  })

  test('a model that nobody serves is withheld at the end, and LATE for who began after it', async () => {
    const made = redraw(honest, isLocal)
    await serveAll(made)
    const over = new AbortController()
    let asked = 0
    const isAway = awayUntil(made, () => {
      asked += 1
      if (asked === 500) over.abort()
      return false
    })
    const options = { isAway, clock: fast, sharing: over.signal }
    const { verdict, findings } = await examine(hub, made, options)
    expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(['updateWithheld']))
    expect(verdict.guiltyMask).toBe(0)
    expect(asked).toBeGreaterThanOrEqual(500)

    const told = new AbortController()
    const onTold = (count: number) => count === made.drawn.length && told.abort()
    const late = { isAway, clock: fast, sharing: told.signal, onTold }
    expect(await rejection(examine(hub, made, late))).toBe('LATE')
  })

  test('the held-out part is asked for again, and nothing is repeated for it', async () => {
    const made = redraw(honest)
    await serveAll(made)
    let asked = 0
    const isAway = (path: string) => path === made.spec.heldOut.cid && (asked += 1) < 4
    let told = 0
    const onTold = () => (told += 1)
    const { verdict } = await examine(hub, made, { isAway, clock: fast, onTold })
    expect(verdict.metricMicros).toBeGreaterThan(0n)
    expect([asked, told]).toEqual([4, made.drawn.length])
  })
})
