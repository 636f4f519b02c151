import { describe, expect, test } from 'vitest'
import type { Input } from '#chain/core/consensus/input.ts'
import {
  a,
  b,
  certificate,
  certified,
  feed,
  genesis,
  nodeOf,
  proposal,
  said,
  started,
  timer,
  vote,
} from './node.ts'
import { blockOf, certificateOf, hash, proposalOf, setOf } from './samples.ts'

describe('step', () => {
  test('notarizes a valid proposal and has it checked at once', () => {
    const state = started()
    expect(said(feed(state, proposal(1, a)))).toEqual(['log', 'sign notarize 1', 'certify'])
  })

  test('asks for a certificate when votes are a quorum, once', () => {
    const state = started()
    const early = feed(state, proposal(1, a), vote('notarize', 1, 0, a), vote('notarize', 1, 1, a))
    expect(said(early)).not.toContain('aggregate')
    const effects = feed(state, vote('notarize', 1, 2, a), vote('notarize', 1, 3, a))
    expect(said(effects)).toEqual(['aggregate'])
    expect(effects[0]).toMatchObject({
      statement: { kind: 'notarize', epoch: 1, view: 1, block: a },
    })
  })

  test('finalizes what is notarized and valid, and goes on', () => {
    const state = started()
    feed(state, proposal(1, a), certified(a))
    const effects = said(feed(state, certificate('notarize', 1, a)))
    expect(effects).toEqual(['log', 'broadcast', 'sign finalize 1', 'setTimer', 'setTimer'])
    expect(state.view).toBe(2)
  })

  test('waits for a verdict that is pending', () => {
    const state = started()
    feed(state, proposal(1, a), certificate('notarize', 1, a))
    expect(state.view).toBe(1)
    expect(said(feed(state, certified(a)))).toEqual(['sign finalize 1', 'setTimer', 'setTimer'])
  })

  test('nullifies a block found invalid', () => {
    const state = started()
    expect(said(feed(state, proposal(1, a), certified(a, false)))).toContain('sign nullify 1')
    expect(said(feed(state, certificate('notarize', 1, a)))).toEqual(['log', 'broadcast'])
    expect(state.view).toBe(1)
  })

  test('reports final blocks in order, with those that only descendants finalised', () => {
    const state = started()
    feed(state, proposal(1, a), certified(a), certificate('notarize', 1, a))
    const next = proposal(2, b, { parentView: 1, parentRoot: a, height: 2 })
    const effects = feed(state, next, certificate('finalize', 2, b))
    const final = effects.flatMap((effect) => (effect.kind === 'finalize' ? effect.root : []))
    expect(final).toEqual([a, b])
    expect(state.final).toMatchObject({ view: 2, root: b, height: 2 })
    expect([...state.blocks.keys()]).toEqual([b])
  })

  test.each([
    ['no proposal came', 'proposal', []],
    ['nothing was certified', 'certification', [proposal(1, a)]],
  ] as const)('nullifies a view in which %s', (_title, name, inputs) => {
    const state = started()
    feed(state, ...inputs)
    expect(said(feed(state, timer(1, name)))).toContain('sign nullify 1')
  })

  test('waits on when a proposal came in time', () => {
    const state = started()
    feed(state, proposal(1, a))
    expect(feed(state, timer(1, 'proposal'))).toEqual([])
  })

  test('never finalizes what it nullified', () => {
    const state = started()
    feed(state, proposal(1, a), timer(1, 'certification'), certified(a))
    expect(said(feed(state, certificate('notarize', 1, a)))).not.toContain('sign finalize 1')
    expect(state.view).toBe(2)
  })

  test('waits twice as long after four failed views, and at most sixteen times', () => {
    const state = started()
    const delays = Array.from({ length: 24 }, (_, i) => {
      const effects = feed(state, certificate('nullify', i + 1))
      return effects.flatMap((e) => (e.kind === 'setTimer' ? e.delayMs : []))[0]
    })
    expect(delays.slice(0, 5)).toEqual([200, 200, 200, 400, 400])
    expect(delays.at(-1)).toBe(3200)
  })

  test('proposes when it leads, and signs what was built for the view', () => {
    const state = started()
    const effects = feed(state, certificate('nullify', 1), certificate('nullify', 2))
    const asked = effects.filter(({ kind }) => kind === 'propose')
    expect(asked).toMatchObject([{ view: 3, parentView: 0, parent: genesis.root, height: 1 }])
    const built = { root: a, block: blockOf({ view: 3, height: 1 }) }
    expect(feed(state, { kind: 'built', view: 2, ...built })).toEqual([])
    expect(said(feed(state, { kind: 'built', view: 3, ...built }))).toEqual(['sign proposal 3'])
    expect(feed(state, { kind: 'built', view: 3, ...built, root: b })).toEqual([])
  })
})

describe('a proposal', () => {
  const notarizedAt1 = [proposal(1, a), certified(a), certificate('notarize', 1, a)]
  const onA = { parentView: 1, parentRoot: a, height: 2 }

  test.each([
    ['of another leader', proposal(2, b, { ...onA, view: 2 }), 3],
    ['of a stranger', proposal(2, b, onA), 9],
  ])('%s is not voted for', (_title, input, proposer) => {
    const state = started()
    feed(state, ...notarizedAt1)
    const changed = { ...(input as Input & { kind: 'proposal' }).proposal, proposer }
    expect(said(feed(state, { kind: 'proposal', proposal: changed }))).toEqual([])
  })

  test.each([
    ['the wrong height', { ...onA, height: 3 }],
    ['another parent than the one it names', { ...onA, parentRoot: b }],
    ['a parent that comes later', { ...onA, parentView: 2 }],
    ['another epoch', { ...onA, epoch: 2 }],
  ])('with %s is not voted for', (_title, fields) => {
    const state = started()
    feed(state, ...notarizedAt1)
    expect(said(feed(state, proposal(2, b, fields)))).not.toContain('sign notarize 2')
  })

  test('over a view that was not nullified waits until it was, and asks', () => {
    const state = started()
    feed(state, ...notarizedAt1, certificate('nullify', 3))
    const early = feed(state, proposal(4, b, onA))
    expect(said(early)).toEqual(['request'])
    expect(early[0]).toMatchObject({ request: { viewMin: 1, viewMax: 4 }, from: 0 })
    expect(said(feed(state, certificate('nullify', 2)))).toContain('sign notarize 4')
  })

  test('of the elected proposer counts in the next view alone', () => {
    const elect = [proposal(1, a), certified(a, true, 0), certificate('notarize', 1, a)]
    const by = (proposer: number, view: number): Input => ({
      kind: 'proposal',
      proposal: proposalOf(proposer, b, { view, ...onA }),
    })
    const next = started()
    feed(next, ...elect)
    expect(said(feed(next, by(2, 2)))).toEqual([])
    expect(said(feed(next, by(0, 2)))).toContain('sign notarize 2')
    const later = started()
    feed(later, ...elect, certificate('nullify', 2))
    expect(said(feed(later, by(0, 3)))).toEqual([])
  })

  test('that comes second from its proposer is evidence, and is not voted for', () => {
    const state = started()
    const effects = feed(state, proposal(1, a), proposal(1, b))
    expect(said(effects)).toEqual(['log', 'sign notarize 1', 'certify', 'evidence'])
    expect(said(feed(state, proposal(1, hash('c'))))).toEqual([])
  })

  test('again of the last block of the epoch is voted for until it is final', () => {
    const state = started({ lastHeight: 1 })
    feed(state, ...notarizedAt1)
    const again = proposalOf(2, a, { view: 1, parentView: 1 })
    const child = proposal(2, b, onA)
    expect(said(feed(state, child))).toEqual([])
    const repeated = { kind: 'proposal', proposal: { ...again, view: 2, proposer: 2 } } as const
    expect(said(feed(started({ lastHeight: 1 }), ...notarizedAt1, repeated))).toContain(
      'sign notarize 2',
    )
    expect(said(feed(state, certificate('finalize', 1, a)))).toContain('finalize')
    expect(state.isOver).toBe(true)
    expect(said(feed(state, timer(2, 'certification')))).toEqual([])
  })
})

describe('a node with several keys', () => {
  test('votes as itself, and proposes as whichever of them has the turn, once a view', () => {
    const state = nodeOf({ leads: [1, 3], proposersOf: () => [1] })
    const asked = feed(state, { kind: 'started' }).filter(({ kind }) => kind === 'propose')
    expect(asked).toEqual([expect.objectContaining({ view: 1, proposer: 1 })])
    const block = blockOf({ parentRoot: genesis.root })
    const [signed] = feed(state, { kind: 'built', view: 1, root: a, block })
    expect(signed).toMatchObject({ unsigned: { proposal: { proposer: 1, root: a } } })
    const own = { kind: 'proposal', proposal: proposalOf(1, a, {}) } as const
    const votes = feed(state, own).filter(({ kind }) => kind === 'sign')
    expect(votes).toMatchObject([{ unsigned: { vote: { voter: 3, kind: 'notarize' } } }])
    expect(feed(state, { kind: 'built', view: 1, root: b, block })).toEqual([])
  })

  test('proposes without a vote where it has leaders’ keys alone', () => {
    const state = started({ leads: [2], self: undefined, proposersOf: () => [2] })
    const block = blockOf({ parentRoot: genesis.root })
    const effects = feed(state, { kind: 'built', view: 1, root: a, block })
    expect(said(effects)).toEqual(['sign proposal 1'])
    const own = { kind: 'proposal', proposal: proposalOf(2, a, {}) } as const
    expect(said(feed(state, own, certified(a)))).not.toContain('sign notarize 1')
  })
})

describe('a member without weight', () => {
  const set = setOf(1, 1, 1, 0)

  test('proposes where it is elected, and never votes', () => {
    const state = started({ set, proposersOf: () => [3] })
    expect(said(feed(state, { kind: 'timer', timer: { view: 1, name: 'proposal' } }))).toEqual([])
    expect(state.proposingView).toBe(1)
    const block = blockOf({ parentRoot: genesis.root })
    expect(said(feed(state, { kind: 'built', view: 1, root: a, block }))).toEqual([
      'sign proposal 1',
    ])
    const own = { kind: 'proposal', proposal: proposalOf(3, a, {}) } as const
    const effects = feed(state, own, certified(a), timer(1, 'certification'))
    expect(said(effects).filter((kind) => kind.startsWith('sign'))).toEqual([])
  })

  test('has no say: neither its votes nor certificates with its name count', () => {
    const state = started({ set, self: 2 })
    const votes = [0, 1, 3].map((voter) => vote('notarize', 1, voter, a))
    expect(said(feed(state, proposal(1, a), ...votes))).not.toContain('aggregate')
    feed(state, vote('nullify', 1, 3), vote('finalize', 1, 3, a))
    const signers = [0, 1, 2, 3]
    const padded = certificateOf({ kind: 'nullify', view: 1 }, signers)
    expect(feed(state, { kind: 'certificate', certificate: padded })).toEqual([])
    const plain = certificateOf({ kind: 'nullify', view: 1 }, [0, 1, 2])
    expect(said(feed(state, { kind: 'certificate', certificate: plain }))).toContain('log')
  })
})
