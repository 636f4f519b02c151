import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, cpuMsOf, residentMibOf, startScript, watchMib } from './child.ts'
import { type Rpc, createRpc } from './rpc.ts'

/** What a long chain costs its validator and a node that comes late. */
export interface LongChain {
  readonly blocks: number
  readonly transactionsEach: number
  readonly buildSeconds: number
  /** Resident memory of the validator when it has made the last block. */
  readonly validatorMib: number
  /** The most that it had while it made them. */
  readonly validatorMibMost: number
  /** Of a node that runs every block. */
  readonly sync?: LateNode & {
    /** Seconds of the chain's own time in one second of syncing; blocks are a second apart. */
    readonly timesRealTime: number
  }
  /** Of a node that begins with a snapshot and trusts the block in the middle of the chain. */
  readonly snapshot?: LateNode
}

export interface LateNode {
  /** From an empty directory until the last block is final there, the start of the process included. */
  readonly syncSeconds: number
  /** Processor time of the process until then, which other load on the machine does not stretch. */
  readonly cpuSeconds: number
  /** Resident memory when it has the last block. */
  readonly followerMib: number
}

export interface LongChainOptions {
  readonly withSync: boolean
  readonly withSnapshot: boolean
}

const transactionsEach = 10
const syncMsMax = 1_800_000

/** Builds a chain on a virtual clock and lets other nodes sync it, one after another. */
export async function measureLongChain(
  blocks: number,
  { withSync, withSnapshot }: LongChainOptions,
): Promise<LongChain> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quern-bench-'))
  const children: Child[] = []
  const start = (name: string, args: readonly string[]) => {
    const child = startScript(name, args)
    children.push(child)
    return child
  }

  async function follow(name: string, args: readonly string[]): Promise<LateNode> {
    const startMs = performance.now()
    const follower = start('follower-node', [join(dataDir, name), ...args])
    const rpc = createRpc(`http://127.0.0.1:${await follower.line}`)
    await untilHeight(rpc, blocks)
    rpc.close()
    const syncSeconds = (performance.now() - startMs) / 1000
    const [cpuSeconds, followerMib] = [cpuMsOf(follower.pid) / 1000, residentMibOf(follower.pid)]
    await follower.kill()
    return { syncSeconds, cpuSeconds, followerMib }
  }

  try {
    const counts = [String(blocks), String(transactionsEach)]
    const producer = start('producer-node', [join(dataDir, 'producer'), ...counts])
    const mostMib = watchMib(producer.pid)
    const { bootstrap, buildMs, middle } = JSON.parse(await producer.line) as {
      bootstrap: readonly string[]
      buildMs: number
      middle: string
    }
    const validatorMib = residentMibOf(producer.pid)
    const validatorMibMost = mostMib()
    const snapshot = withSnapshot
      ? await follow('snapshot', ['--trust', middle, ...bootstrap])
      : undefined
    const sync = withSync ? await follow('sync', bootstrap) : undefined
    return {
      blocks,
      transactionsEach,
      buildSeconds: buildMs / 1000,
      validatorMib,
      validatorMibMost,
      ...(sync && { sync: { ...sync, timesRealTime: blocks / sync.syncSeconds } }),
      ...(snapshot && { snapshot }),
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
