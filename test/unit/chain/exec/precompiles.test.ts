import { describe, expect, test } from 'vitest'
import type { Hex } from '#base/hex.ts'
import { toHex } from '#base/hex.ts'
import { createWorld } from './world.ts'

const from: Hex = `0x${'00'.repeat(20)}`
const at = (number: number): Hex => `0x${number.toString(16).padStart(40, '0')}`

/** Valid point of a blob's polynomial, from the public vectors of the point evaluation precompile. */
const point =
  '01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b' +
  '564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306' +
  '24d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a1' +
  '8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca2' +
  '5f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253' +
  'fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a'

async function run(number: number, input: Hex) {
  const { engine } = await createWorld()
  const block = engine.chain.head()
  return engine.simulator.call({ from, to: at(number), input, gas: 5_000_000n }, { block })
}

describe('point evaluation (0x0a)', () => {
  test('accepts a valid proof and answers the field’s size', async () => {
    const outcome = await run(10, `0x${point}`)
    expect(outcome.kind).toBe('done')
    expect(outcome.kind === 'done' && toHex(outcome.output)).toBe(
      '0x000000000000000000000000000000000000000000000000000000000000100073eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001',
    )
  })

  test.each([
    ['another value', 64 * 2],
    ['another place', 32 * 2],
  ])('refuses %s', async (_name, offset) => {
    const digit = point[offset + 5] === '0' ? '1' : '0'
    const changed = `${point.slice(0, offset + 5)}${digit}${point.slice(offset + 6)}`
    expect(await run(10, `0x${changed}`)).toMatchObject({ kind: 'failed' })
  })

  test('refuses a scalar that is not below the order', async () => {
    const changed = `${point.slice(0, 64)}${'ff'.repeat(32)}${point.slice(128)}`
    expect(await run(10, `0x${changed}`)).toMatchObject({ kind: 'failed' })
  })
})

describe('every precompile', () => {
  test.each([...Array.from({ length: 17 }, (_, i) => i + 1), 0x100])(
    'ends on empty and on odd input (0x%i)',
    async (number) => {
      for (const input of ['0x', `0x${'ff'.repeat(129)}`] as const) {
        expect((await run(number, input)).kind).toMatch(/^(done|failed|reverted)$/)
      }
    },
  )
})
