import { describe, expect, test } from 'vitest'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import { consensusLimits } from '#chain/core/consensus/limits.ts'
import type { VoteKind } from '#chain/core/consensus/messages.ts'
import type { Hex } from '#base/hex.ts'
import {
  a,
  b,
  certificate,
  certified,
  feed,
  nodeOf,
  proposal,
  said,
  started,
  timer,
  vote,
} from './node.ts'
import { blockOf, certificateOf, proposalOf, setOf, voteOf } from './samples.ts'

describe('certificates', () => {
  test.each([
    ['too few signers', certificateOf({ kind: 'nullify', view: 1 }, [0, 1])],
    ['a longer bitmap', certificateOf({ kind: 'nullify', view: 1 }, [0, 1, 2], 16)],
    [
      'a block in a nullification',
      certificateOf({ kind: 'nullify', view: 1, block: a }, [0, 1, 2]),
    ],
    ['no block', certificateOf({ kind: 'notarize', view: 1 }, [0, 1, 2])],
    ['another epoch', { ...certificateOf({ kind: 'nullify', view: 1 }, [0, 1, 2]), epoch: 2 }],
  ])('with %s are not taken', (_title, refused) => {
    const state = started()
    expect(feed(state, { kind: 'certificate', certificate: refused })).toEqual([])
    expect(state.view).toBe(1)
  })

  test('of a later view take a node there', () => {
    const state = started()
    feed(state, certificate('nullify', 70))
    expect(state.view).toBe(71)
    feed(state, certificate('notarize', 90, a))
    expect(state.view).toBe(90)
  })
})

describe('catching up', () => {
  test('gets certificates before blocks, and the newest at the end', () => {
    const state = started()
    feed(state, proposal(1, a), certified(a), certificate('notarize', 1, a))
    feed(state, certificate('nullify', 2), certificate('nullify', 3))
    const request = { epoch: 1, height: 0, viewMin: 1, viewMax: 2 }
    const effects = feed(state, { kind: 'request', peer: 'p', request })
    expect(effects).toHaveLength(1)
    const [{ messages }] = effects as [Effect & { kind: 'send' }]
    const views = messages.map((m) => (m.kind === 'certificate' ? m.certificate.view : m.kind))
    expect(views).toEqual([1, 2, 3, 'block'])
  })

  test('is served final blocks from the store', () => {
    const state = started()
    feed(state, proposal(1, a), certificate('finalize', 1, a))
    const request = { epoch: 1, height: 0, viewMin: 1, viewMax: 1 }
    expect(feed(state, { kind: 'request', peer: 'p', request })).toMatchObject([
      { kind: 'serve', peer: 'p', fromHeight: 1 },
      { kind: 'send', peer: 'p' },
    ])
  })

  test('takes a chain of blocks from its certificate downwards, and nothing unasked for', () => {
    const state = started()
    const block = (root: Hex, fields: object): Input => ({
      kind: 'block',
      root,
      block: blockOf(fields),
    })
    expect(feed(state, block(a, { view: 5 }))).toEqual([])
    expect(state.blocks.size).toBe(1)
    feed(state, certificate('finalize', 9, b), block(b, { view: 9, height: 2, parentRoot: a }))
    const effects = feed(state, block(a, { view: 5 }))
    expect(said(effects).filter((kind) => kind === 'finalize')).toHaveLength(2)
    expect(said(effects)).toContain('certify') // the election after it is asked for
  })

  test('asks once for what is missing, and again when the timer ends', () => {
    const state = started()
    expect(said(feed(state, certificate('finalize', 3, a)))).toContain('request')
    expect(said(feed(state, vote('nullify', 4, 0)))).toEqual([])
    expect(said(feed(state, timer(4, 'certification')))).toContain('request')
  })
})

describe('recovery', () => {
  const signedVote = (kind: VoteKind, view: number, block?: Hex) =>
    ({
      kind: 'replayed',
      entry: { kind: 'vote', vote: voteOf(kind, view, { voter: 3, block }) },
    }) as const

  test('binds a node to what it signed', () => {
    const state = nodeOf()
    const entry = { kind: 'proposal', proposal: proposalOf(3, a, { view: 3 }) } as const
    expect(feed(state, signedVote('nullify', 1), signedVote('notarize', 2, a))).toEqual([])
    feed(state, { kind: 'replayed', entry }, { kind: 'started' })
    feed(state, proposal(1, a), certified(a))
    expect(said(feed(state, certificate('notarize', 1, a)))).not.toContain('sign finalize 1')
    expect(said(feed(state, proposal(2, b, { parentView: 1, parentRoot: a, height: 2 })))).toEqual(
      [],
    )
    expect(said(feed(state, certificate('nullify', 2)))).not.toContain('propose')
  })

  test('goes on where the certificates of the log lead', () => {
    const state = nodeOf()
    const entry = certificateOf({ kind: 'nullify', view: 6 }, [0, 1, 2])
    feed(state, { kind: 'replayed', entry: { kind: 'certificate', certificate: entry } })
    feed(state, { kind: 'started' })
    expect(state.view).toBe(7)
  })

  test('aggregates a quorum of its own', () => {
    const state = nodeOf({ set: setOf(1), self: 0, proposersOf: () => [0] })
    const own = voteOf('notarize', 1, { voter: 0, block: a })
    feed(state, { kind: 'replayed', entry: { kind: 'vote', vote: own } })
    expect(said(feed(state, { kind: 'started' }))).toContain('aggregate')
  })
})

describe('limits', () => {
  test('votes and proposals of views far ahead or long past are not kept', () => {
    const state = started()
    feed(state, certificate('nullify', 100))
    const { viewsAheadMax, viewsBackMax } = consensusLimits
    const before = state.views.size
    feed(state, vote('nullify', 102 + viewsAheadMax, 0), vote('nullify', 100 - viewsBackMax, 0))
    expect(state.views.size).toBe(before)
    feed(state, vote('nullify', 101 + viewsAheadMax, 0), vote('nullify', 101 - viewsBackMax, 0))
    expect(state.views.size).toBe(before + 2)
  })

  test('certificates of skipped views are kept up to a bound; that they were skipped is remembered', () => {
    const state = started()
    const { viewRecordsMax } = consensusLimits
    const views = viewRecordsMax + 500
    for (let view = 1; view <= views; view += 1) feed(state, certificate('nullify', view))
    expect(state.views.size).toBeLessThanOrEqual(viewRecordsMax + 1)
    expect(state.nullifiedRuns).toMatchObject([{ from: 1 }])
    const effects = feed(state, proposal(views + 1, a))
    expect(said(effects)).toContain(`sign notarize ${views + 1}`)
  })
})
