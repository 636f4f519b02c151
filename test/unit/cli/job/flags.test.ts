import { describe, expect, test } from 'vitest'
import { integerOf, offerOf, prepareOptionsOf } from '#cli/job/flags.ts'

const offerFlags = { workers: '3', evaluators: '2', reward: '1000', volunteerSeconds: '4' }

describe('offerOf', () => {
  test('gives the training four times the expected time, and never less than three minutes', () => {
    expect(offerOf(offerFlags, 100).runSeconds).toBe(400)
    expect(offerOf(offerFlags, 1).runSeconds).toBe(180)
  })

  test.each([
    ['workers', '9'],
    ['workers', '0'],
    ['evaluators', 'two'],
    ['volunteerSeconds', '1.5'],
  ])('%s %s: FLAG_INVALID', (flag, text) => {
    const offer = () => offerOf({ ...offerFlags, [flag]: text }, 1)
    expect(offer).toThrow(expect.objectContaining({ code: 'FLAG_INVALID' }))
  })
})

describe('prepareOptionsOf', () => {
  test('splits columns to drop and turns the header flag around', () => {
    const flags = { header: false, seed: '7', drop: 'a, b', testShare: '0.25' }
    const options = prepareOptionsOf(flags, 3)
    expect(options).toMatchObject({ noHeader: true, drop: ['a', 'b'], testShare: 0.25, seed: 7 })
  })

  test.each(['0', '1', 'half'])('a test share of %s: FLAG_INVALID', (testShare) => {
    const options = () => prepareOptionsOf({ header: true, seed: '1', testShare }, 3)
    expect(options).toThrow(expect.objectContaining({ code: 'FLAG_INVALID' }))
  })
})

test('integerOf keeps its bounds', () => {
  expect(integerOf('seed', '8', { min: 0, max: 8 })).toBe(8)
  expect(() => integerOf('seed', '9', { min: 0, max: 8 })).toThrow('from 0 to 8')
})
