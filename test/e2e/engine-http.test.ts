import { join } from 'node:path'
import { expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import { createEngineRpc } from '#chain/exec/engine-http/rpc.ts'
import { realClock } from '#cli/real-clock.ts'
import { testGenesis } from '#test/unit/chain/exec/world.ts'
import { scratchDir } from './chain-process.ts'
import { clientPackage, isClientInstalled, startClient } from './engine-client.ts'
import { runEngineChain } from './engine-chain.ts'
import { runEngineNode } from './engine-node.ts'

const isThere = isClientInstalled()
const named = isThere ? '' : ` (skipped: ${clientPackage} is not installed; the long tier does it)`

test.runIf(isThere)(
  `a real client runs a chain to the same state roots${named}`,
  async () => {
    const scratch = await scratchDir()
    try {
      const run = await runEngineChain(join(scratch.path, 'client'), { seed: 1, blocks: 24 })
      expect(run).toMatchObject({ blocks: 24 })
      expect(run.transactions).toBeGreaterThan(48)
    } finally {
      await scratch.remove()
    }
  },
  300_000,
)

test.runIf(isThere)(
  `a clock that is wrong is set by the client's, another secret is refused${named}`,
  async () => {
    const scratch = await scratchDir()
    const client = await startClient(join(scratch.path, 'client'), parseGenesis(testGenesis()))
    try {
      const { engineUrl: url, jwtSecret } = client
      const late = { nowMs: () => realClock.nowMs() - 3_600_000 }
      const skewed = createEngineRpc(late, { url, jwtSecret })
      expect(await skewed.call('engine_exchangeCapabilities', [[]])).toContain(
        'engine_newPayloadV4',
      )
      const stranger = createEngineRpc(realClock, { url, jwtSecret: new Uint8Array(32) })
      const refused = stranger.call('engine_exchangeCapabilities', [[]])
      expect(await refused.catch(codeOf)).toBe('ENGINE_TOKEN_REFUSED')
    } finally {
      await client.stop()
      await scratch.remove()
    }
  },
  300_000,
)

test.runIf(isThere)(
  `a node makes no block that a real client does not find valid${named}`,
  async () => {
    const scratch = await scratchDir()
    try {
      expect((await runEngineNode(scratch.path)).blocks).toBeGreaterThanOrEqual(9)
    } finally {
      await scratch.remove()
    }
  },
  300_000,
)
