import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'

describe('createFakeClock', () => {
  test('wakes sleepers in the order of their times, at their times', async () => {
    const clock = createFakeClock(0)
    const woken: [string, number][] = []
    const sleeper = async (name: string, durationMs: number) => {
      await clock.sleep(durationMs)
      woken.push([name, clock.nowMs()])
    }
    const both = [sleeper('late', 200), sleeper('early', 100)]
    await clock.advance(150)
    expect(woken).toEqual([['early', 100]])
    await clock.advance(50)
    await Promise.all(both)
    expect(woken).toEqual([
      ['early', 100],
      ['late', 200],
    ])
    expect(clock.nowMs()).toBe(200)
  })

  test('runs a loop that sleeps again within one advance', async () => {
    const clock = createFakeClock(0)
    const stopping = new AbortController()
    let turns = 0
    const loop = (async () => {
      while (!stopping.signal.aborted) {
        await clock.sleep(10, stopping.signal)
        turns += 1
      }
    })()
    await clock.advance(100)
    expect(turns).toBe(10)
    stopping.abort(new Error('enough'))
    await expect(loop).rejects.toThrow('enough')
    expect(clock.sleepers()).toBe(0)
  })

  test('rejects at once on a signal that is already aborted', async () => {
    const clock = createFakeClock()
    await expect(clock.sleep(1, AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
    expect(clock.sleepers()).toBe(0)
  })
})
