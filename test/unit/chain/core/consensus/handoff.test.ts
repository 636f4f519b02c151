import { describe, expect, test } from 'vitest'
import { consensusBlockSchema, consensusRoot } from '#chain/core/consensus-block.ts'
import { faultOfHandoff, setFrom, validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import { createValidatorSet } from '#chain/core/consensus/validators.ts'
import { blockOf, certificateOf, hash, setOf } from './samples.ts'

const set = setOf(1, 1, 1, 1)
const nextOf = (...weights: number[]) => createValidatorSet(2, setOf(...weights).validators)
const next = nextOf(5, 1)
const block = blockOf({ height: 8, nextSetRoot: validatorSetRoot(next) })
const finalize = { kind: 'finalize', view: 3, block: consensusRoot(block) } as const
const handoff = { block, certificate: certificateOf(finalize, [0, 1, 3]), next }

describe('faultOfHandoff', () => {
  const other = blockOf({ height: 8, nextSetRoot: hash('7') })
  const plain = blockOf({ height: 8 })
  test.each([
    [undefined, {}],
    ['EPOCH_WRONG', { next: createValidatorSet(3, next.validators) }],
    ['EPOCH_WRONG', { block: blockOf({ ...block, epoch: 2 }) }],
    ['BLOCK_OTHER', { block: other }],
    ['BLOCK_OTHER', { certificate: { ...handoff.certificate, kind: 'notarize' } }],
    ['SET_OTHER', { next: nextOf(5, 2) }],
    [
      'SET_OTHER',
      { block: plain, certificate: { ...handoff.certificate, block: consensusRoot(plain) } },
    ],
    ['QUORUM_MISSING', { certificate: certificateOf(finalize, [0, 3]) }],
  ] as const)('is %s (%#)', (fault, change) => {
    expect(faultOfHandoff(set, { ...handoff, ...change }, () => true)).toBe(fault)
  })

  test('is SIGNATURE_INVALID', () => {
    expect(faultOfHandoff(set, handoff, () => false)).toBe('SIGNATURE_INVALID')
  })
})

describe('validatorSetRoot', () => {
  test('covers epoch, order, keys and weights', () => {
    const sets = [
      next,
      createValidatorSet(3, next.validators),
      createValidatorSet(2, next.validators.toReversed()),
      nextOf(5, 2),
      createValidatorSet(2, [{ ...next.validators[0]!, blsKey: '0x00' }, next.validators[1]!]),
    ]
    expect(new Set(sets.map(validatorSetRoot)).size).toBe(sets.length)
  })
})

test('a block keeps the root of the next set through its schema, and is another one without it', () => {
  expect(consensusBlockSchema.shape.nextSetRoot.parse(block.nextSetRoot)).toBe(block.nextSetRoot)
  expect(consensusBlockSchema.shape.nextSetRoot.parse(undefined)).toBeUndefined()
  expect(consensusRoot(block)).not.toBe(consensusRoot({ ...block, nextSetRoot: undefined }))
})

describe('setFrom', () => {
  const former = setOf(3, 2).validators
  const leader = { ...setOf(1, 1, 0).validators[2]!, seat: 128 }
  const weightsOf = (seated: Parameters<typeof setFrom>[1]) =>
    setFrom(2, seated, former).validators.map(({ weight }) => weight)

  test('is of those who have seats', () => {
    expect(weightsOf([...setOf(7).validators, leader])).toEqual([7, 0])
  })

  test('keeps the voters before where no seat votes, beside those who lead now', () => {
    expect(weightsOf([])).toEqual([3, 2])
    expect(weightsOf([leader])).toEqual([3, 2, 0])
    const own = { ...leader, address: former[0]!.address }
    expect(weightsOf([own])).toEqual([3, 2])
  })
})
