import { describe, expect, test } from 'vitest'
import { scratchDir, startChain } from './chain-process.ts'
import { runKills } from './rpc-kill.ts'

const seed = 20_261_121
const kills = 3

describe('kill -9', () => {
  test(
    `loses no final block and no answered transaction over ${kills} kills (seed ${seed})`,
    { timeout: 120_000 },
    async () => {
      const { answered, finalBlocks, ...lost } = await runKills(seed, kills)
      expect(lost).toEqual({ refused: [], lost: [], changed: [], nonceLosses: 0, errors: '' })
      expect(answered).toBeGreaterThan(kills * 20)
      expect(finalBlocks).toBeGreaterThanOrEqual(kills)
    },
  )

  test('STORE_LOCKED: a second node on the directory of a running one', async () => {
    const scratch = await scratchDir()
    const node = await startChain(scratch.path)
    try {
      await expect(startChain(scratch.path)).rejects.toThrow('STORE_LOCKED')
    } finally {
      await node.kill('SIGKILL')
      await scratch.remove()
    }
  })
})
