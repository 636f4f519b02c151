import { describe, expect, test } from 'vitest'
import {
  doubleSigners,
  faultOfCertificate,
  faultOfList,
  listHashOf,
  quorumOf,
} from '#compute/train/certificate.ts'
import { awaitedOf, firstPace, lateAfterMs, nextPace } from '#compute/train/pace.ts'
import {
  nextWakeMs,
  workMsOf,
  onRound,
  openRound,
  type RoundEvent,
  type RoundState,
} from '#compute/train/rounds.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate, RoundList } from '#wire/segment.ts'

const active = ['a', 'b', 'c'].map((letter): Hex => `0x${letter.repeat(40)}`)
const [a, b, c] = active as [Hex, Hex, Hex]
const signature: Hex = '0x51'
const updateOf = (worker: Hex, copy = 0): ListedUpdate => {
  return { worker, updateRoot: `0x${String(copy).repeat(64)}`, cid: `b${copy}` }
}
const all = active.map((worker) => updateOf(worker))
const rules = { self: b, active, viewMs: 100 }
const times = { openedMs: 0, lateMs: 1_000, closeMs: 5_000 }

type Timed = readonly [nowMs: number, event: RoundEvent]

function arrive(worker: Hex, copy = 0): readonly RoundEvent[] {
  const update = updateOf(worker, copy)
  return [
    { kind: 'update', update, signature },
    { kind: 'held', update },
  ]
}

function vote(worker: Hex, list: readonly ListedUpdate[], view = 0): RoundEvent {
  return { kind: 'vote', vote: { worker, view, list, signature } }
}

/** Feeds events to round 0 and answers the last state with all effects but fetches. */
function play(events: readonly Timed[], opened: Partial<RoundState> = {}) {
  let state: RoundState = { ...openRound(0, times, { awaited: active }), ...opened }
  const effects = events.flatMap(([nowMs, event]) => {
    const [next, more] = onRound(rules, state, { event, nowMs })
    state = next
    return more.filter(({ kind }) => kind !== 'fetch')
  })
  return { state, effects }
}

const at = (nowMs: number, ...events: readonly RoundEvent[]): readonly Timed[] =>
  events.map((event) => [nowMs, event])
const tick: RoundEvent = { kind: 'tick' }
const everything = active.flatMap((worker) => arrive(worker))

describe('onRound', () => {
  test('the leader of the first view proposes all updates; this worker waits for it', () => {
    expect(play(at(10, ...everything)).effects).toEqual([])
    const { effects } = play([...at(10, ...everything), ...at(20, vote(a, all))])
    expect(effects).toEqual([{ kind: 'vote', view: 0, list: all }])
  })

  test('the next leader proposes when the first is silent', () => {
    const { effects } = play([...at(10, ...everything), ...at(109, tick), ...at(110, tick)])
    expect(effects).toEqual([{ kind: 'vote', view: 1, list: all }])
  })

  test('before the round is late, no list is signed that leaves somebody out', () => {
    const short = [all[0]!, all[1]!]
    const early = [...at(10, ...arrive(a), ...arrive(b)), ...at(900, vote(a, short))]
    expect(play(early).effects).toEqual([])
    const { effects } = play([...early, ...at(1_000, tick)])
    expect(effects).toEqual([{ kind: 'vote', view: 0, list: short }])
  })

  test('no list is signed before the bytes of all its updates are here', () => {
    const [announced] = arrive(c) as [RoundEvent, RoundEvent]
    const events = [...at(10, ...arrive(a), ...arrive(b), announced), ...at(2_000, vote(a, all))]
    expect(play(events).effects).toEqual([])
    const held: RoundEvent = { kind: 'held', update: updateOf(c) }
    expect(play([...events, ...at(2_010, held)]).effects).toHaveLength(1)
  })

  test('one list is signed in a round, however many are proposed', () => {
    const events = [
      ...at(10, ...everything, vote(a, all)),
      ...at(2_000, vote(c, [all[1]!], 2), vote(a, [all[0]!], 0)),
    ]
    expect(play(events).effects.filter(({ kind }) => kind === 'vote')).toHaveLength(1)
    expect(play(events, { signedHash: listHashOf([all[0]!]) }).effects).toEqual([])
  })

  test('a proposal of somebody who does not lead its view is not signed', () => {
    const { effects } = play([...at(10, ...everything), ...at(20, vote(c, all, 0))])
    expect(effects).toEqual([])
  })

  test('two votes of three are the certificate, in index order', () => {
    const { effects, state } = play(at(10, vote(c, all), vote(a, all)))
    const signatures = [a, c].map((worker) => ({ worker, signature }))
    const list = { round: 0, list: all, signatures, isClosedOnChain: false }
    expect(effects).toEqual([{ kind: 'fixed', list }])
    expect(state.outcome).toEqual(list)
  })

  test('the same vote twice counts once', () => {
    expect(play(at(10, vote(c, all), vote(c, all))).effects).toEqual([])
  })

  test('without a certificate the contract is asked once, and its list taken', () => {
    const events = [...at(10, ...arrive(b)), ...at(5_000, tick), ...at(5_001, tick)]
    const { effects } = play([...events, ...at(6_000, { kind: 'closed', list: [all[1]!] })])
    expect(effects.map(({ kind }) => kind)).toEqual(['close', 'fixed'])
    expect(effects.at(-1)).toMatchObject({ list: { isClosedOnChain: true, list: [all[1]] } })
  })

  test('a list that the contract fixed early waits: a certificate can still come', () => {
    const closed: RoundEvent = { kind: 'closed', list: [all[2]!] }
    const { effects } = play(at(10, closed, vote(c, all), vote(a, all)))
    expect(effects).toMatchObject([{ kind: 'fixed', list: { list: all, isClosedOnChain: false } }])
  })

  test('a round that was closed with nothing in it is left to votes', () => {
    const closed: RoundEvent = { kind: 'closed', list: [] }
    const { effects } = play([...at(10, closed, ...everything), ...at(5_500, vote(a, all))])
    expect(effects).toMatchObject([{ kind: 'vote', list: all }])
  })

  test('after the outcome nothing counts', () => {
    const { effects } = play(at(10, vote(c, all), vote(a, all), vote(b, all), tick))
    expect(effects).toHaveLength(1)
  })
})

describe('workMsOf', () => {
  test('is the time until the last listed update, without the wait for the missing', () => {
    const short = [all[0]!, all[1]!]
    const { state } = play([
      ...at(200, ...arrive(a)),
      ...at(300, ...arrive(b)),
      ...at(1_500, vote(a, short), vote(b, short)),
    ])
    expect(state.outcome?.list).toEqual(short)
    expect(workMsOf(state)).toBe(300)
  })

  test('is unknown while the list is', () => {
    expect(workMsOf(play(at(10, ...everything)).state)).toBeUndefined()
  })
})

describe('nextWakeMs', () => {
  test('names the own turn, then lateness, then closing', () => {
    const { state } = play(at(10, ...everything))
    expect([10, 110, 1_000, 5_000].map((nowMs) => nextWakeMs(rules, state, nowMs))).toEqual([
      110,
      1_000,
      5_000,
      undefined,
    ])
  })
})

describe('certificates', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 4],
    [6, 4],
    [7, 5],
    [8, 6],
  ])('of %i workers %i sign', (workers, quorum) => {
    expect(quorumOf(workers)).toBe(quorum)
  })

  test.each([
    ['LIST_EMPTY', []],
    ['LIST_STRANGER', [updateOf('0xd')]],
    ['LIST_ORDER', [all[1]!, all[0]!]],
    ['LIST_ORDER', [all[1]!, updateOf(b, 1)]],
  ])('%s', (fault, list) => {
    expect(faultOfList(list, active)).toBe(fault)
  })

  const listOf = (list: ListedUpdate[], signers: readonly Hex[]): RoundList => ({
    round: 0,
    list,
    signatures: signers.map((worker) => ({ worker, signature: worker })),
    isClosedOnChain: false,
  })
  const signerOf = (_round: number, _hash: Hex, signed: Hex) => signed

  test.each([
    [undefined, [a, b]],
    ['QUORUM_MISSING', [a]],
    ['QUORUM_MISSING', [a, a]],
    ['SIGNATURE_INVALID', [a, '0xd']],
  ] as const)('a certificate is %s', (fault, signers) => {
    expect(faultOfCertificate(listOf(all, signers), active, signerOf)).toBe(fault)
  })

  test('whoever signed both of two lists is named, on one list nobody', () => {
    const one = listOf(all, [a, b])
    const other = listOf(all.slice(0, 1), [b, c])
    expect(doubleSigners(one, other)).toEqual([b])
    expect(doubleSigners(one, listOf(all, [b, c]))).toEqual([])
  })
})

describe('pace', () => {
  test('a worker that missed three rounds in a row is not waited for until it is listed again', () => {
    const missing = (pace: ReturnType<typeof firstPace>) => nextPace(pace, [all[0]!, all[1]!], 10)
    const twice = missing(missing(firstPace(active)))
    expect(awaitedOf(twice)).toEqual(active)
    expect(awaitedOf(missing(twice))).toEqual([a, b])
    expect(awaitedOf(nextPace(missing(twice), all, 10))).toEqual(active)
    expect(awaitedOf(missing(nextPace(twice, all, 10)))).toEqual(active)
  })

  test('the late get twice the median round, at least the floor', () => {
    const timed = [300, 900, 500].reduce((pace, ms) => nextPace(pace, all, ms), firstPace(active))
    expect(lateAfterMs(timed, 600)).toBe(1_000)
    expect(lateAfterMs(timed, 5_000)).toBe(5_000)
    expect(lateAfterMs(firstPace(active), 600)).toBe(600)
  })
})
