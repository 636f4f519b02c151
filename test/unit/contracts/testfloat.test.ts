import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Call } from './compile.ts'
import { compareOperation, openSoftfloat } from './softfloat.ts'
import { sectionsOf, testfloatFunctions } from './testfloat.ts'

/**
 * Cases drawn from those of Berkeley TestFloat 3e (`testfloat_gen -seed 1 -level 1 -rnear_even <function>`), whose
 * arithmetic is none of ours nor the host's. All of them: `npm run test:long -- --only testfloat`.
 */
const sections = sectionsOf(readFileSync(new URL('./testfloat.txt', import.meta.url), 'utf8'))

let call: Call
beforeAll(async () => {
  call = await openSoftfloat()
})

describe('Berkeley TestFloat', () => {
  test('has cases of every function', () => {
    expect(sections.map(([name]) => name)).toEqual(Object.keys(testfloatFunctions))
    for (const [, { results }] of sections) expect(results.length).toBeGreaterThan(200)
  })

  test.each(sections)('%s', async (_name, { operation, pairs, results }) => {
    expect((await compareOperation(call, operation, pairs, { results })).fault).toBeUndefined()
  })
})
