import { describe, expect, test } from 'vitest'
import { type MatchFlags, integerOf, offerOf, prepareOptionsOf } from '#cli/job/flags.ts'

const offerFlags = { workers: '3', evaluators: '2', reward: '1000', volunteerSeconds: '4' }

describe('offerOf', () => {
  test('gives the training four times the expected time, and never less than three minutes', () => {
    expect(offerOf(offerFlags, 100).runSeconds).toBe(400)
    expect(offerOf(offerFlags, 1).runSeconds).toBe(180)
  })

  test.each([
    ['1', 6],
    ['3', 6],
    ['8', 16],
  ])('gives %s workers %i seconds to volunteer unless told otherwise', (workers, seconds) => {
    const untold = { ...offerFlags, volunteerSeconds: undefined, workers }
    expect(offerOf(untold, 1).volunteerSeconds).toBe(seconds)
    expect(offerOf({ ...offerFlags, workers }, 1).volunteerSeconds).toBe(4)
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

describe('the way to workers', () => {
  const one = `0x${'a1'.repeat(20)}` as const
  const two = `0x${'b2'.repeat(20)}` as const

  test('is volunteering when nothing is said', () => {
    expect(offerOf(offerFlags, 1)).toMatchObject({ match: 'volunteer', workers: 3, workersAt: [] })
  })

  test('named workers are as many as their addresses, in their order', () => {
    const flags = {
      ...offerFlags,
      match: 'direct',
      workersAt: `${two}, ${one.toUpperCase().replace('X', 'x')}`,
    } as const
    expect(offerOf(flags, 1)).toMatchObject({ match: 'direct', workers: 2, workersAt: [two, one] })
  })

  test.each<[string, Partial<MatchFlags>]>([
    ['direct without addresses', { match: 'direct' }],
    ['addresses for volunteers', { match: 'volunteer', workersAt: one }],
    ['addresses without a way', { workersAt: one }],
    ['an address twice', { match: 'direct', workersAt: `${one},${one}` }],
    ['what is no address', { match: 'direct', workersAt: `${one},bob` }],
    [
      'nine addresses',
      {
        match: 'direct',
        workersAt: Array.from({ length: 9 }, (_, i) => `0x${`${i}0`.repeat(20)}`).join(','),
      },
    ],
    ['no time', { match: 'offers', consentSeconds: '0' }],
  ])('%s: FLAG_INVALID', (_title, flags) => {
    const offer = () => offerOf({ ...offerFlags, ...flags }, 1)
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
