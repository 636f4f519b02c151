import { describe, expect, test } from 'vitest'
import { consensusLimits } from '#chain/core/consensus/limits.ts'
import { a, b, certificate, feed, proposal, said, started, vote } from './node.ts'

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
