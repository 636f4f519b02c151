import { expect, test } from 'vitest'
import { createRests } from '#evaluator/rests.ts'
import type { Hex } from '#wire/primitives.ts'

const jobId: Hex = `0x${'01'.repeat(32)}`
const panel = { jobId, attempt: 0, panelStart: 0 }

/** After how many milliseconds a panel's work is examined again, when each time ends with the next of these codes. */
function restsAfter(codes: readonly (string | undefined)[]): readonly number[] {
  const rests = createRests()
  let nowMs = 1_000_000
  return codes.map((code) => {
    rests.begin(panel, { nowMs, code })
    const beganMs = nowMs
    while (rests.isResting(panel, nowMs)) nowMs += 500
    return nowMs - beganMs
  })
}

test.each([
  ['a failure', ['RPC_DOWN', 'RPC_DOWN', 'RPC_DOWN'], [5_000, 5_000, 5_000]],
  ['a reveal', [undefined], [5_000]],
  ['LATE', ['LATE', 'LATE', 'LATE', 'LATE'], [5_000, 10_000, 20_000, 40_000]],
  ['LATE and then another', ['LATE', 'LATE', 'RPC_DOWN', 'LATE'], [5_000, 10_000, 5_000, 10_000]],
])('after %s', (_what, codes, durationsMs) => {
  expect(restsAfter(codes)).toEqual(durationsMs)
})

test.each([
  ['job', { ...panel, jobId: `0x${'02'.repeat(32)}` as const }],
  ['attempt', { ...panel, attempt: 1 }],
  ['panel', { ...panel, panelStart: 3 }],
])('another %s does not rest', (_what, other) => {
  const rests = createRests()
  for (const nowMs of [0, 5_000]) rests.begin(panel, { nowMs, code: 'LATE' })
  expect(rests.isResting(panel, 14_999)).toBe(true)
  expect(rests.isResting(other, 5_001)).toBe(false)
})

test('a rest is forgotten', () => {
  const rests = createRests()
  rests.begin(panel, { nowMs: 0, code: 'LATE' })
  rests.begin(panel, { nowMs: 606_000, code: 'LATE' })
  expect(rests.isResting(panel, 610_999)).toBe(true)
  expect(rests.isResting(panel, 611_000)).toBe(false)
})
