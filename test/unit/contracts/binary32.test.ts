import { beforeAll, describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import type { Call } from './compile.ts'
import { gasChanges } from './gas-figures.ts'
import {
  compareOperation,
  gasOf,
  openSoftfloat,
  operations,
  plainPairs,
  randomPairs,
  specialPairs,
} from './softfloat.ts'

let call: Call
beforeAll(async () => {
  call = await openSoftfloat()
})

const seed = 1

describe.each(operations.map(({ name }, i) => [name, i] as const))('%s', (_name, operation) => {
  test('is right for every pair of special values', async () => {
    const { fault } = await compareOperation(call, operation, specialPairs())
    expect(fault).toBeUndefined()
  })

  test(`is right for 3,000 random pairs (seed ${seed})`, async () => {
    const { fault } = await compareOperation(call, operation, randomPairs(createRng(seed), 3000))
    expect(fault).toBeUndefined()
  })
})

test('gas of each operation is what is committed', async () => {
  const pairs = plainPairs(createRng(seed), 500)
  const measured: Record<string, number> = {}
  for (const [operation, { name }] of operations.entries()) {
    measured[name] = await gasOf(call, operation, pairs)
  }
  expect(gasChanges('softfloat', measured)).toEqual([])
})
