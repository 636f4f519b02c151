import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import type { RegistryEntry } from '#chain/client/registry.ts'
import type { Hex } from '#wire/primitives.ts'
import { operatorIn } from '#worker/operator.ts'

const owner: Hex = `0x${'a1'.repeat(20)}`
const operator: Hex = `0x${'b2'.repeat(20)}`

/** A registry that fails so often before it answers. */
function ask(failures: number, code: string) {
  const clock = createFakeClock()
  let asked = 0
  const registry = {
    async entryOf() {
      asked += 1
      if (asked <= failures) throw new AppError({ code })
      return { operator } as RegistryEntry
    },
  }
  const found = operatorIn({ registry, clock, log: noopLogger }, owner)
  return { clock, found, asked: () => asked }
}

describe('operatorIn', () => {
  test('asks again while the chain is away', async () => {
    const { clock, found, asked } = ask(3, 'RPC_DOWN')
    await clock.advance(1_500)
    expect(await found).toBe(operator)
    expect(asked()).toBe(4)
  })

  test('gives up after ten seconds', async () => {
    const { clock, found, asked } = ask(1_000, 'RPC_FAILED')
    await clock.advance(10_000)
    expect(await found).toBeUndefined()
    expect(asked()).toBe(20)
  })

  test('NOT_REGISTERED: has none', async () => {
    const { found, asked } = ask(1, 'NOT_REGISTERED')
    expect(await found).toBeUndefined()
    expect(asked()).toBe(1)
  })
})
