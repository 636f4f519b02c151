import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { type RetryOptions, retry } from '#base/retry.ts'
import { createRng } from '#base/rng.ts'

const busy = new AppError({ code: 'BUSY', retryable: true })

function setUp(options: Partial<RetryOptions> = {}) {
  const clock = createFakeClock(0)
  const attemptsMs: number[] = []
  const run = (failures: number, error: unknown = busy) =>
    retry(
      async (attempt) => {
        attemptsMs.push(clock.nowMs())
        if (attempt <= failures) throw error
        return 'done'
      },
      { clock, rng: createRng(1), attempts: 5, delayMs: 100, ...options },
    )
  return { clock, attemptsMs, run }
}

describe('retry', () => {
  test('waits between half and all of a doubling delay', async () => {
    const { clock, attemptsMs, run } = setUp()
    const result = run(3)
    await clock.advance(10_000)
    expect(await result).toBe('done')
    const waits = attemptsMs.slice(1).map((at, i) => at - (attemptsMs[i] as number))
    expect(waits).toHaveLength(3)
    for (const [i, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(50 * 2 ** i)
      expect(wait).toBeLessThanOrEqual(100 * 2 ** i)
    }
  })

  test('throws the last error after all attempts', async () => {
    const { clock, attemptsMs, run } = setUp({ delayMsMax: 100 })
    const result = expect(run(99)).rejects.toBe(busy)
    await clock.advance(10_000)
    await result
    expect(attemptsMs).toHaveLength(5)
    expect(attemptsMs.at(-1)).toBeLessThanOrEqual(400)
  })

  test.each([new AppError({ code: 'FINAL' }), new Error('a defect')])(
    'throws %s at once: it is not retryable',
    async (error) => {
      const { attemptsMs, run } = setUp()
      await expect(run(1, error)).rejects.toBe(error)
      expect(attemptsMs).toHaveLength(1)
    },
  )

  test('stops waiting when the signal aborts', async () => {
    const stopping = new AbortController()
    const { clock, attemptsMs, run } = setUp({ signal: stopping.signal })
    const result = expect(run(99)).rejects.toThrow('enough')
    await clock.advance(1)
    stopping.abort(new Error('enough'))
    await result
    expect(attemptsMs).toHaveLength(1)
  })
})
