import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runEngineChain } from '#test/e2e/engine-chain.ts'
import { runEngineNode } from '#test/e2e/engine-node.ts'
import { installClient } from '#test/e2e/engine-client.ts'

/**
 * A chain of 48 blocks by chance, run by the embedded engine and by a real client: the same state roots. Then a
 * node that makes no block without the client.
 */
export async function run(seed: number): Promise<Readonly<Record<string, number>>> {
  installClient()
  const folder = mkdtempSync(join(tmpdir(), 'quern-engine-'))
  try {
    const compared = await runEngineChain(join(folder, 'client'), { seed, blocks: 48 })
    const { blocks: nodeBlocks } = await runEngineNode(join(folder, 'node'))
    return { ...compared, nodeBlocks }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
