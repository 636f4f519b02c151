import { describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createPacing } from '#chain/node/consensus/pacing.ts'
import { testGenesis } from '#test/unit/chain/exec/world.ts'

const genesis = parseGenesis(
  testGenesis({ openWork: { address: `0x${'11'.repeat(20)}`, calldata: '0x' } }),
)
const parent = {
  blockHash: `0x${'22'.repeat(32)}`,
  header: { timestamp: 100 },
} as unknown as Payload

/** The time at which the next block is due, in milliseconds, when the simulator answers so. */
async function dueMs(call: () => Promise<unknown>): Promise<number> {
  let nowMs = 100_000
  const clock = {
    nowMs: () => nowMs,
    sleep: (ms: number) => Promise.resolve(void (nowMs += ms)),
  }
  const transactions = { hasExecutable: () => false, added: { listen: () => () => undefined } }
  const deps = { engine: { simulator: { call } }, transactions, clock }
  const untilDue = createPacing(deps as unknown as Parameters<typeof createPacing>[0], genesis)
  await untilDue(parent, new AbortController().signal)
  return nowMs
}

const answering = (count: number) => () =>
  Promise.resolve({ kind: 'done', output: new Uint8Array(32).with(31, count), gasUsed: 0n })
const throwing = (code: string) => () => Promise.reject(new AppError({ code }))

describe('createPacing', () => {
  test('waits a second while work is open, else for the heartbeat', async () => {
    expect(await dueMs(answering(1))).toBe(101_000)
    expect(await dueMs(answering(0))).toBe(115_000)
  })

  test.each(['STATE_UNKNOWN', 'BUSY'])('goes on where nobody can say (%s)', async (code) => {
    expect(await dueMs(throwing(code))).toBe(101_000)
  })

  test('tells of any other fault', async () => {
    await expect(dueMs(throwing('DISK_FULL'))).rejects.toMatchObject({ code: 'DISK_FULL' })
  })
})
