import { describe, expect, test } from 'vitest'
import { toHex } from '#base/hex.ts'
import {
  guiltyOf,
  proposalsConflict,
  signaturesConflict,
  votesConflict,
} from '#chain/core/consensus/evidence.ts'
import { signingBytes } from '#chain/core/consensus/messages.ts'
import { proposersBy } from '#chain/core/consensus/rules.ts'
import {
  bitmapOf,
  createValidatorSet,
  indicesOf,
  stakeLeader,
  weightOf,
} from '#chain/core/consensus/validators.ts'
import { certificateOf, hash, proposalOf, setOf, voteOf } from './samples.ts'

describe('createValidatorSet', () => {
  test.each([
    [[1], 1],
    [[1, 1], 2],
    [[1, 1, 1], 3],
    [[1, 1, 1, 1], 3],
    [[1, 1, 1, 1, 1, 1, 1], 5],
    [[10, 1, 1], 9],
    [[0, 1, 0, 1, 1, 1], 3],
    [[2 ** 50, 2 ** 50], 1_501_199_875_790_166],
  ])('of weights %j has quorum %i', (weights, quorumWeight) => {
    const set = setOf(...weights)
    expect(set.quorumWeight).toBe(quorumWeight)
    expect(3n * BigInt(set.quorumWeight) > 2n * BigInt(set.totalWeight)).toBe(true)
    expect(3n * BigInt(set.quorumWeight - 1) > 2n * BigInt(set.totalWeight)).toBe(false)
  })

  test.each([[[]], [[0, 0]], [[1.5]], [[-1, 5]], [[2 ** 51, 1]]])('refuses %j', (weights) => {
    expect(() => setOf(...weights)).toThrow('assertion failed')
  })

  test('numbers validators in their order', () => {
    const { validators } = setOf(3, 5)
    expect(validators.map(({ index }) => index)).toEqual([0, 1])
    expect(weightOf(createValidatorSet(0, validators), [1])).toBe(5)
  })
})

describe('stakeLeader', () => {
  test('draws by weight', () => {
    const set = setOf(1, 2, 5)
    const counts = [0, 0, 0]
    for (let view = 1; view <= 4000; view += 1) {
      const leader = stakeLeader(set, hash('7'), view)
      counts[leader] = (counts[leader] ?? 0) + 1
    }
    // Three standard deviations of the largest count are 92.
    expect(Math.abs((counts[0] ?? 0) - 500)).toBeLessThan(92)
    expect(Math.abs((counts[1] ?? 0) - 1000)).toBeLessThan(92)
    expect(Math.abs((counts[2] ?? 0) - 2500)).toBeLessThan(92)
  })

  test('depends on the seed and the view', () => {
    const set = setOf(...Array<number>(100).fill(1))
    const leaders = (seed: string) =>
      Array.from({ length: 20 }, (_, view) => stakeLeader(set, hash(seed), view))
    expect(leaders('1')).toEqual(leaders('1'))
    expect(leaders('1')).not.toEqual(leaders('2'))
    expect(new Set(leaders('1')).size).toBeGreaterThan(5)
  })
})

describe('proposersBy', () => {
  const set = setOf(1, 1, 1, 1)
  const proposersOf = proposersBy(set, hash('5'))
  const parent = { view: 3, root: hash('a'), height: 2 }
  const leaderOf = (view: number) => [stakeLeader(set, hash('5'), view)]

  test('names the elected one right after the parent, else the stake leader', () => {
    expect(proposersOf(4, { ...parent, elected: 2 })).toEqual([2])
    expect(proposersOf(5, { ...parent, elected: 2 })).toEqual(leaderOf(5))
    expect(proposersOf(4, parent)).toEqual(leaderOf(4))
  })
})

describe('bitmapOf', () => {
  test.each([
    [[], 4, '0x00'],
    [[0, 3], 4, '0x09'],
    [[8, 1, 1], 9, '0x0201'],
  ] as const)('of %j among %i is %s', (indices, count, bitmap) => {
    expect(bitmapOf(indices, count)).toBe(bitmap)
    expect(indicesOf(bitmap, count)).toEqual([...new Set(indices)].toSorted((a, b) => a - b))
  })

  test('has one length and names nobody outside the set', () => {
    expect(() => bitmapOf([4], 4)).toThrow('assertion failed')
    expect(indicesOf('0x10', 4)).toBeUndefined()
    expect(indicesOf('0x0100', 4)).toBeUndefined()
    expect(indicesOf('0x', 4)).toBeUndefined()
  })
})

describe('signingBytes', () => {
  const place = { epoch: 1, view: 2 }
  test('differ for everything that is said', () => {
    const said = [
      signingBytes(1, { kind: 'notarize', ...place, block: hash('a') }),
      signingBytes(2, { kind: 'notarize', ...place, block: hash('a') }),
      signingBytes(1, { kind: 'finalize', ...place, block: hash('a') }),
      signingBytes(1, { kind: 'notarize', ...place, block: hash('b') }),
      signingBytes(1, { kind: 'notarize', ...place, epoch: 2, block: hash('a') }),
      signingBytes(1, { kind: 'notarize', ...place, view: 1, block: hash('a') }),
      signingBytes(1, { kind: 'nullify', ...place }),
      signingBytes(1, { kind: 'proposal', ...place, parentView: 0, root: hash('a') }),
      signingBytes(1, { kind: 'proposal', ...place, parentView: 1, root: hash('a') }),
    ]
    expect(new Set(said.map(toHex)).size).toBe(said.length)
  })

  test('are those of a known vote', () => {
    expect(toHex(signingBytes(78787, { kind: 'nullify', epoch: 1, view: 258 }))).toBe(
      '0x717565726e2f636f6e73656e7375732f3100000000000133c30200000000000000010000000000000102',
    )
  })
})

describe('evidence', () => {
  const a = { voter: 1, block: hash('a') }
  const b = { voter: 1, block: hash('b') }
  test.each([
    ['two notarize votes', voteOf('notarize', 5, a), voteOf('notarize', 5, b), true],
    ['two finalize votes', voteOf('finalize', 5, a), voteOf('finalize', 5, b), true],
    ['nullify and finalize', voteOf('nullify', 5, { voter: 1 }), voteOf('finalize', 5, a), true],
    ['finalize and nullify', voteOf('finalize', 5, a), voteOf('nullify', 5, { voter: 1 }), true],
    ['nullify and notarize', voteOf('nullify', 5, { voter: 1 }), voteOf('notarize', 5, a), false],
    ['notarize and finalize', voteOf('notarize', 5, a), voteOf('finalize', 5, b), false],
    ['the same twice', voteOf('notarize', 5, a), voteOf('notarize', 5, a), false],
    ['other views', voteOf('notarize', 5, a), voteOf('notarize', 6, b), false],
    ['two voters', voteOf('notarize', 5, a), voteOf('notarize', 5, { ...b, voter: 2 }), false],
  ])('%s of a view', (_title, first, second, isGuilty) => {
    const guilty = guiltyOf({ kind: 'votes', first, second }, setOf(1, 1, 1, 1))
    expect(guilty).toEqual(isGuilty ? [1] : [])
    const signed = [first, second].map((vote) => ({ kind: 'vote', vote }) as const)
    if (first.voter === second.voter) {
      expect(signaturesConflict(signed[0]!, signed[1]!)).toBe(isGuilty)
    }
  })

  test.each([
    ['another block', proposalOf(2, hash('b'), { view: 7 }), [2]],
    ['another parent', proposalOf(2, hash('a'), { view: 7, parentView: 3 }), [2]],
    ['the same', proposalOf(2, hash('a'), { view: 7 }), []],
    ['another view', proposalOf(2, hash('b'), { view: 8 }), []],
    ['another proposer', proposalOf(3, hash('b'), { view: 7 }), []],
  ])('%s proposed in a view', (_title, second, guilty) => {
    const first = proposalOf(2, hash('a'), { view: 7 })
    const evidence = { kind: 'proposals', first, second } as const
    expect(guiltyOf(evidence, setOf(1, 1, 1, 1))).toEqual(guilty)
    if (guilty.length > 0) expect(proposalsConflict(first, second)).toBe(true)
  })

  test('two certificates that exclude each other convict those in both', () => {
    const set = setOf(1, 1, 1, 1)
    const first = certificateOf({ kind: 'finalize', view: 3, block: hash('a') }, [0, 1, 2])
    const second = certificateOf({ kind: 'nullify', view: 3 }, [1, 2, 3])
    expect(guiltyOf({ kind: 'certificates', first, second }, set)).toEqual([1, 2])
    expect(votesConflict(first, { ...second, view: 4 })).toBe(false)
    const later = { ...second, view: 4 }
    expect(guiltyOf({ kind: 'certificates', first, second: later }, set)).toEqual([])
  })

  test('of another epoch convicts nobody of this set', () => {
    const [first, second] = [voteOf('notarize', 5, a), voteOf('notarize', 5, b)]
    const evidence = {
      kind: 'votes',
      first: { ...first, epoch: 2 },
      second: { ...second, epoch: 2 },
    } as const
    expect(guiltyOf(evidence, setOf(1, 1, 1, 1))).toEqual([])
  })
})
