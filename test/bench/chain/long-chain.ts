import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, residentMibOf, startScript } from './child.ts'
import { type Rpc, createRpc } from './rpc.ts'

/** What a long chain costs its validator and a node that comes late. */
export interface LongChain {
  readonly blocks: number
  readonly transactionsEach: number
  /** From an empty directory until the last block is final there, the start of the process included. */
  readonly syncSeconds: number
  /** Seconds of the chain's own time in one second of syncing; blocks are a second apart. */
  readonly timesRealTime: number
  readonly buildSeconds: number
  /** Resident memory of the validator when it has made the last block. */
  readonly validatorMib: number
  /** Of the node that followed, when it has the last block. */
  readonly followerMib: number
}

const transactionsEach = 10
const syncMsMax = 1_800_000

/** Builds a chain on a virtual clock and lets a second node sync it. */
export async function measureLongChain(blocks: number): Promise<LongChain> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quern-bench-'))
  const children: Child[] = []
  const start = (name: string, args: readonly string[]) => {
    const child = startScript(name, args)
    children.push(child)
    return child
  }
  try {
    const counts = [String(blocks), String(transactionsEach)]
    const producer = start('producer-node', [join(dataDir, 'producer'), ...counts])
    const { bootstrap, buildMs } = JSON.parse(await producer.line) as {
      bootstrap: readonly string[]
      buildMs: number
    }
    const validatorMib = residentMibOf(producer.pid)
    const startMs = performance.now()
    const follower = start('follower-node', [join(dataDir, 'follower'), ...bootstrap])
    const rpc = createRpc(`http://127.0.0.1:${await follower.line}`)
    await untilHeight(rpc, blocks)
    rpc.close()
    const syncSeconds = (performance.now() - startMs) / 1000
    return {
      blocks,
      transactionsEach,
      syncSeconds,
      timesRealTime: blocks / syncSeconds,
      buildSeconds: buildMs / 1000,
      validatorMib,
      followerMib: residentMibOf(follower.pid),
    }
  } finally {
    for (const child of children) await child.kill()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function untilHeight(rpc: Rpc, height: number): Promise<void> {
  const endMs = Date.now() + syncMsMax
  while (Number(await rpc.call('eth_blockNumber')) < height) {
    if (Date.now() > endMs) throw new Error('the chain was not synced in time')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
