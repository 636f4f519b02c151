import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runEngineChain } from '#test/e2e/engine-chain.ts'
import { installClient } from '#test/e2e/engine-client.ts'

/** A chain of 48 blocks by chance, run by the embedded engine and by a real client: the same state roots. */
export async function run(seed: number): Promise<{ blocks: number; transactions: number }> {
  installClient()
  const folder = mkdtempSync(join(tmpdir(), 'quern-engine-'))
  try {
    return await runEngineChain(join(folder, 'client'), { seed, blocks: 48 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
