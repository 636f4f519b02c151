import { describe, expect, test } from 'vitest'
import { createLock } from '#p2p/lock.ts'

const turns = async (count: number) => {
  for (let i = 0; i < count; i += 1) await Promise.resolve()
}

describe('createLock', () => {
  test('lets many share, one alone, and nobody pass the one who waits', async () => {
    const lock = createLock()
    const log: string[] = []
    const work = (name: string) => async () => {
      log.push(`${name} in`)
      await turns(5)
      log.push(`${name} out`)
    }
    await Promise.all([
      lock.shared(work('a')),
      lock.shared(work('b')),
      lock.exclusive(work('alone')),
      lock.shared(work('c')),
      lock.exclusive(work('again')),
    ])
    expect(log.slice(0, 4).toSorted()).toEqual(['a in', 'a out', 'b in', 'b out'])
    expect(log.slice(4)).toEqual([
      'alone in',
      'alone out',
      'again in',
      'again out',
      'c in',
      'c out',
    ])
  })

  test('opens again after work that failed', async () => {
    const lock = createLock()
    await expect(lock.exclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expect(lock.shared(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await lock.exclusive(async () => 1)).toBe(1)
    expect(await lock.shared(async () => 2)).toBe(2)
  })
})
