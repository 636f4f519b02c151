import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { type Answers, createCalls } from '#base/calls.ts'
import { AppError, codeOf } from '#base/error.ts'

const ends: (() => void)[] = []
afterEach(() => ends.splice(0).forEach((end) => end()))

/** One side that asks, and the other with these answers. */
function connect(answers: Answers, waitingMax?: number) {
  const { port1, port2 } = new MessageChannel()
  ends.push(() => port1.close())
  const options = waitingMax === undefined ? {} : { waitingMax }
  const asking = createCalls(port1, {}, options)
  createCalls(port2, answers)
  return asking
}

const never = () => new Promise(() => undefined)

describe('createCalls', () => {
  test('answers each question with its own answer, in whatever order they come', async () => {
    const ready: (() => void)[] = []
    const calls = connect({
      late: ([value]) => new Promise((resolve) => ready.push(() => resolve(value))),
      now: ([value]) => {
        for (const finish of ready) finish()
        return value
      },
    })
    const asked = [calls.ask('late', [1]), calls.ask('late', [2n]), calls.ask('now', ['three'])]
    expect(await Promise.all(asked)).toEqual([1, 2n, 'three'])
  })

  test('an error of ours arrives with its fields', async () => {
    const calls = connect({
      refuse: () =>
        Promise.reject(new AppError({ code: 'POOL_FULL', sizeMax: 3, retryable: true })),
      break: () => {
        throw new TypeError('a bug')
      },
    })
    const refused = await calls.ask('refuse', []).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'POOL_FULL', retryable: true, fields: { sizeMax: 3 } })
    await expect(calls.ask('break', [])).rejects.toThrow('a bug')
    await expect(calls.ask('unknown', [])).rejects.toThrow('unknown')
  })

  test('what is told arrives in order, before what is asked after it', async () => {
    const told: unknown[] = []
    const calls = connect({ note: ([value]) => void told.push(value), all: () => told })
    calls.tell('note', [1])
    calls.tell('note', [2])
    expect(await calls.ask('all', [])).toEqual([1, 2])
  })

  test('who gives up is not answered, and the other side hears of it', async () => {
    let heard: (() => void) | undefined
    const cancelled = new Promise<void>((resolve) => (heard = resolve))
    const calls = connect({
      wait: (_args, signal) => {
        signal.addEventListener('abort', () => heard?.())
        return never()
      },
    })
    const giving = new AbortController()
    const asked = calls.ask('wait', [], giving.signal)
    giving.abort(new AppError({ code: 'STOPPING' }))
    expect(await asked.catch(codeOf)).toBe('STOPPING')
    await cancelled
    expect(await calls.ask('wait', [], giving.signal).catch(codeOf)).toBe('STOPPING')
  })

  test('BUSY: more wait than may', async () => {
    const calls = connect({ wait: never }, 2)
    const asked = [calls.ask('wait', []), calls.ask('wait', [])]
    expect(await calls.ask('wait', []).catch(codeOf)).toBe('BUSY')
    calls.close(new AppError({ code: 'RPC_ENDED' }))
    expect(await Promise.all(asked.map((one) => one.catch(codeOf)))).toEqual([
      'RPC_ENDED',
      'RPC_ENDED',
    ])
    expect(await calls.ask('wait', []).catch(codeOf)).toBe('RPC_ENDED')
  })
})
