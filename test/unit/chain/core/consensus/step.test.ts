import { describe, expect, test } from 'vitest'
import type { Hex } from '#base/hex.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import { consensusLimits } from '#chain/core/consensus/limits.ts'
import type { VoteKind } from '#chain/core/consensus/messages.ts'
import type { Rules } from '#chain/core/consensus/rules.ts'
import { type State, createState } from '#chain/core/consensus/state.ts'
import { step } from '#chain/core/consensus/step.ts'
import { blockOf, certificateOf, hash, proposalOf, setOf, voteOf } from './samples.ts'

const genesis = { view: 0, root: hash('0'), height: 0 }

/** Validator 3 of four; in view v, validator v mod 4 leads, or the elected one. */
function nodeOf(changes: Partial<Rules> = {}): State {
  const rules: Rules = {
    set: setOf(1, 1, 1, 1),
    self: 3,
    deltaMs: 100,
    lastHeight: 1000,
    proposersOf: (view, { view: parentView, elected }) =>
      elected !== undefined && view === parentView + 1 ? [elected] : [view % 4],
    ...changes,
  }
  return createState(rules, genesis)
}

function started(changes: Partial<Rules> = {}): State {
  const state = nodeOf(changes)
  step(state, { kind: 'started' })
  return state
}

function feed(state: State, ...inputs: readonly Input[]): readonly Effect[] {
  return inputs.flatMap((input) => step(state, input))
}

/** What an effect is, in short: "sign notarize 1", "certify", "setTimer". */
function said(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => {
    if (effect.kind !== 'sign') return effect.kind
    const { unsigned } = effect
    const { kind, view } = unsigned.kind === 'vote' ? unsigned.vote : unsigned.proposal
    return `sign ${kind} ${view}`
  })
}

const proposal = (view: number, root: Hex, fields: object = {}): Input => ({
  kind: 'proposal',
  proposal: proposalOf(view % 4, root, { view, ...fields }),
})
const certificate = (kind: VoteKind, view: number, block?: Hex): Input => ({
  kind: 'certificate',
  certificate: certificateOf({ kind, view, block }, [0, 1, 2]),
})
const certified = (root: Hex, isValid = true, elected?: number): Input => ({
  kind: 'certified',
  root,
  isValid,
  elected,
})
const vote = (kind: VoteKind, view: number, voter: number, block?: Hex): Input => ({
  kind: 'vote',
  vote: voteOf(kind, view, { voter, block }),
})
const timer = (view: number, name: 'proposal' | 'certification' | 'retry'): Input => ({
  kind: 'timer',
  timer: { view, name },
})
const a = hash('a')
const b = hash('b')

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

describe('evidence', () => {
  test.each([
    ['two notarize votes', vote('notarize', 1, 0, a), vote('notarize', 1, 0, b), 1],
    ['nullify and finalize', vote('nullify', 1, 0), vote('finalize', 1, 0, a), 1],
    ['nullify and notarize', vote('nullify', 1, 0), vote('notarize', 1, 0, a), 0],
    ['one vote twice', vote('notarize', 1, 0, a), vote('notarize', 1, 0, a), 0],
  ])('of %s', (_title, first, second, count) => {
    const effects = feed(started(), first, second, second)
    expect(said(effects).filter((kind) => kind === 'evidence')).toHaveLength(count)
  })
})

describe('two certificates that exclude each other', () => {
  test.each([
    ['finalize and nullify', certificate('finalize', 1, a), certificate('nullify', 1), 1],
    ['nullify and finalize', certificate('nullify', 1), certificate('finalize', 1, a), 1],
    ['two notarized', certificate('notarize', 1, a), certificate('notarize', 1, b), 1],
    ['notarized and nullified', certificate('notarize', 1, a), certificate('nullify', 1), 0],
  ])('are evidence: %s', (_title, first, second, count) => {
    const effects = feed(started(), proposal(1, a), first, second, second)
    expect(said(effects).filter((kind) => kind === 'evidence')).toHaveLength(count)
  })
})

describe('evidence of final views', () => {
  const onA = { parentView: 1, parentRoot: a, height: 2 }
  test('is still collected for a while, and nothing else of them', () => {
    const state = started()
    feed(state, proposal(1, a), vote('finalize', 1, 0, a), certificate('finalize', 1, a))
    expect(said(feed(state, vote('nullify', 1, 0)))).toEqual(['evidence'])
    expect(said(feed(state, proposal(1, b)))).toEqual(['evidence'])
    expect(said(feed(state, vote('notarize', 1, 1, a), vote('notarize', 1, 2, a)))).toEqual([])
    expect(said(feed(state, vote('notarize', 1, 3, a)))).toEqual([])
    feed(state, proposal(2, b, onA), certificate('finalize', 1 + consensusLimits.viewsBackMax, b))
    expect(said(feed(state, vote('nullify', 1, 2), vote('finalize', 1, 2, a)))).toEqual([])
    expect(state.past.size).toBeLessThanOrEqual(consensusLimits.viewsBackMax)
  })
})

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
