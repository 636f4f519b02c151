import { describe, expect, test } from 'vitest'
import type { Head } from '#chain/client/feed.ts'
import { openWindow, servingTimes } from '#evaluator/window.ts'

const facts = { commitDeadline: 10_000n, commitSeconds: 1_000, statesBytes: 0, nowTime: 9_001n }

describe('servingTimes', () => {
  test('counts from the drawing, the same for everybody who came in time', () => {
    expect(servingTimes(facts)).toEqual({
      readUntil: 9_030n,
      servedUntil: 9_060n,
      sharedUntil: 9_120n,
      lastTime: 9_800n,
    })
    expect(servingTimes({ ...facts, nowTime: 9_015n })).toEqual(servingTimes(facts))
  })

  test('gives large states the time that their bytes take', () => {
    const { servedUntil } = servingTimes({ ...facts, statesBytes: 500_000_000 })
    expect(servedUntil).toBe(9_160n)
  })

  test('takes at most half of the commit window', () => {
    const { servedUntil } = servingTimes({ ...facts, statesBytes: 1e12 })
    expect(servedUntil).toBe(9_500n)
    expect(servingTimes({ ...facts, commitSeconds: 10, nowTime: 9_990n })).toEqual({
      readUntil: 9_992n,
      servedUntil: 9_995n,
      sharedUntil: 9_997n,
      lastTime: 9_998n,
    })
  })

  test('leaves whoever begins at least half of the time for transcripts', () => {
    for (let nowTime = 9_000n; nowTime <= 9_200n; nowTime += 1n) {
      expect(servingTimes({ ...facts, nowTime }).readUntil - nowTime).toBeGreaterThanOrEqual(15n)
    }
  })

  test('gives an evaluator that came late as long from then on', () => {
    const late = servingTimes({ ...facts, nowTime: 9_300n })
    expect(late).toMatchObject({ readUntil: 9_330n, servedUntil: 9_360n, sharedUntil: 9_420n })
  })
})

describe('openWindow', () => {
  function feedAt(timestamp: bigint) {
    let head = { number: 1n, timestamp }
    const listeners = new Set<(moved: Head) => void>()
    return {
      head: () => head,
      onHead: (listener: (moved: Head) => void) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      move: (next: bigint) => {
        head = { number: head.number + 1n, timestamp: next }
        for (const listener of listeners) listener(head)
      },
      listeners,
    }
  }
  const until105 = { untilTime: 105n, lastTime: 150n }
  const never = new AbortController().signal

  test('aborts with the first block that carries the time', () => {
    const feed = feedAt(100n)
    const { signal, release } = openWindow(feed, until105, never)
    feed.move(104n)
    expect(signal.aborted).toBe(false)
    feed.move(105n)
    expect(signal.aborted).toBe(true)
    release()
    expect(feed.listeners.size).toBe(0)
  })

  test('gives the time back in which no head came, up to the last time', () => {
    const feed = feedAt(100n)
    const { signal, isCut } = openWindow(feed, until105, never)
    feed.move(130n) // 30 s asleep
    expect(signal.aborted).toBe(false)
    feed.move(134n)
    expect(signal.aborted).toBe(false)
    feed.move(135n)
    expect(signal.aborted).toBe(true)
    feed.move(200n)
    expect(isCut()).toBe(false) // what comes after its end takes nothing from it
  })

  test('is cut where the last time ends it: after a long sleep, and for whoever comes too late', () => {
    const feed = feedAt(100n)
    const slept = openWindow(feed, { untilTime: 140n, lastTime: 150n }, never)
    expect(slept.isCut()).toBe(false)
    feed.move(130n)
    expect([slept.signal.aborted, slept.isCut()]).toEqual([false, true])
    feed.move(150n)
    expect(slept.signal.aborted).toBe(true)
    const late = openWindow(feedAt(145n), { untilTime: 205n, lastTime: 150n }, never)
    expect([late.signal.aborted, late.isCut()]).toEqual([false, true])
  })

  test('is over at once where the time has passed, and with the service', () => {
    expect(openWindow(feedAt(106n), until105, never).signal.aborted).toBe(true)
    const stopping = new AbortController()
    const { signal } = openWindow(feedAt(1n), until105, stopping.signal)
    stopping.abort()
    expect(signal.aborted).toBe(true)
  })
})
