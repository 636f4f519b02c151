import { describe, expect, test } from 'vitest'
import { createQueue } from '#base/queue.ts'

describe('createQueue', () => {
  test('keeps the order and refuses what is above its capacity', async () => {
    const queue = createQueue<number>(2)
    expect([1, 2, 3].map((item) => queue.push(item))).toEqual([true, true, false])
    expect(queue.size()).toBe(2)
    expect([await queue.take(), await queue.take()]).toEqual([1, 2])
  })

  test('hands an item straight to who waits longest', async () => {
    const queue = createQueue<string>(1)
    const [first, second] = [queue.take(), queue.take()]
    expect(['a', 'b', 'c', 'd'].map((item) => queue.push(item))).toEqual([true, true, true, false])
    expect([await first, await second, await queue.take()]).toEqual(['a', 'b', 'c'])
  })

  test('a waiter that gives up loses no item', async () => {
    const queue = createQueue<string>(1)
    const leaving = new AbortController()
    const gone = queue.take(leaving.signal)
    leaving.abort(new Error('gone'))
    await expect(gone).rejects.toThrow('gone')
    queue.push('kept')
    expect(await queue.take()).toBe('kept')
  })

  test('QUEUE_CLOSED once closed and empty', async () => {
    const queue = createQueue<string>(2)
    queue.push('last')
    queue.close()
    expect(queue.push('more')).toBe(false)
    expect(await queue.take()).toBe('last')
    await expect(queue.take()).rejects.toMatchObject({ code: 'QUEUE_CLOSED' })
  })

  test('QUEUE_CLOSED reaches those who wait', async () => {
    const queue = createQueue<string>(1)
    const waiting = queue.take()
    queue.close()
    await expect(waiting).rejects.toMatchObject({ code: 'QUEUE_CLOSED' })
  })
})
