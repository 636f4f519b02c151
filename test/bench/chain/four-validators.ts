import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createValidatorProcesses, startLoad } from '#test/e2e/validators.ts'

/** How four validators on this machine keep time. */
export interface Pace {
  readonly blocks: number
  /** Median time between blocks becoming final, as a reader sees it. */
  readonly intervalMs: number
  /** Median time from when a block was due, which is its timestamp, until a reader hears that it is final. */
  readonly finalityMs: number
  /** The same for nine of ten blocks. */
  readonly finalityMs90: number
}

const validatorCount = 4
const warmUpMs = 5_000

/** Runs four validators with a few transfers a second and watches their final blocks. */
export async function measurePace(options: { readonly watchMs: number }): Promise<Pace> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quern-bench-'))
  const network = await createValidatorProcesses(dataDir, validatorCount)
  try {
    await network.startAll()
    const load = startLoad(network, { answered: [], seen: new Map() })
    await pass(warmUpMs)
    const heads = await watchHeads(network.url(1), options.watchMs)
    await load.end()
    const intervals = heads.slice(1).map(({ atMs }, i) => atMs - (heads[i]?.atMs ?? 0))
    const waits = heads.map(({ atMs, timestamp }) => atMs - timestamp * 1000)
    return {
      blocks: heads.length,
      intervalMs: quantile(intervals, 0.5),
      finalityMs: quantile(waits, 0.5),
      finalityMs90: quantile(waits, 0.9),
    }
  } finally {
    await network.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

interface Head {
  /** Unix time of the header, in seconds. */
  readonly timestamp: number
  readonly atMs: number
}

async function watchHeads(url: string, watchMs: number): Promise<readonly Head[]> {
  const heads: Head[] = []
  const socket = new WebSocket(url.replace('http:', 'ws:'))
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', () => reject(new Error('no WebSocket')), { once: true })
  })
  socket.addEventListener('message', (event) => {
    const atMs = Date.now()
    const said = JSON.parse(String(event.data)) as { params?: { result: { timestamp: string } } }
    if (said.params !== undefined) {
      heads.push({ timestamp: Number(said.params.result.timestamp), atMs })
    }
  })
  const params = ['newHeads']
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params }))
  await pass(watchMs)
  socket.close()
  return heads
}

/** The value below which such a share of all lies; NaN where there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

function pass(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
