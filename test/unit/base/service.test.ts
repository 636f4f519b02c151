import { describe, expect, test } from 'vitest'
import { type Service, createGroup } from '#base/service.ts'

function recorded(calls: string[], name: string, failing?: 'start' | 'stop'): Service {
  const call = (verb: 'start' | 'stop') => {
    calls.push(`${verb} ${name}`)
    return verb === failing ? Promise.reject(new Error(`${name} fails`)) : Promise.resolve()
  }
  return { start: () => call('start'), stop: () => call('stop') }
}

describe('createGroup', () => {
  test('starts in order and stops in reverse, once', async () => {
    const calls: string[] = []
    const group = createGroup(['a', 'b'].map((name) => recorded(calls, name)))
    await group.start()
    await group.stop()
    await group.stop()
    expect(calls).toEqual(['start a', 'start b', 'stop b', 'stop a'])
  })

  test('a failed start stops what had started', async () => {
    const calls: string[] = []
    const group = createGroup([
      recorded(calls, 'a'),
      recorded(calls, 'b', 'start'),
      recorded(calls, 'c'),
    ])
    await expect(group.start()).rejects.toThrow('b fails')
    expect(calls).toEqual(['start a', 'start b', 'stop a'])
  })

  test('a failed stop does not keep the others running', async () => {
    const calls: string[] = []
    const group = createGroup([recorded(calls, 'a'), recorded(calls, 'b', 'stop')])
    await group.start()
    await expect(group.stop()).rejects.toThrow('b fails')
    expect(calls.at(-1)).toBe('stop a')
  })
})
