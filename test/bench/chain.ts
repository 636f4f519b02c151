/**
 * `npm run bench:chain -- [--only <row>]… [--peer <name>]… [--blocks <n>] [--scale <x>] [--json]`: a node beside
 * Hardhat's and anvil, each in a process of its own with a block a second and the same gas limit; four
 * validators; a long chain synced block by block and by a snapshot; precompiles by their gas. The table goes to stdout, with
 * `--json` followed by one line of JSON.
 */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { flagsOf } from '#scripts/flags.ts'
import { compileLoadContracts } from './chain/contracts.ts'
import { measurePace } from './chain/four-validators.ts'
import type { LoadKind } from './chain/load.ts'
import { measureLongChain } from './chain/long-chain.ts'
import { type PeerName, peerNames, startChainPeer } from './chain/peers.ts'
import { measurePrecompiles } from './chain/precompiles.ts'
import { type Row, reportOf, tableOf } from './chain/report.ts'
import { loadCounts, measureLoad, prepareChain } from './chain/throughput.ts'

const loadKinds: readonly LoadKind[] = ['transfers', 'erc20', 'compute']
const rowNames = [...loadKinds, 'precompiles', 'validators', 'sync', 'snapshot'] as const

const values = flagsOf({
  options: {
    only: { type: 'string', multiple: true },
    peer: { type: 'string', multiple: true },
    blocks: { type: 'string', default: '10000' },
    scale: { type: 'string', default: '1' },
    'watch-seconds': { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
  },
})

const log = (line: string) => process.stderr.write(`${line}\n`)
const chosen = rowNames.filter((name) => values.only?.includes(name) ?? true)
const peers = peerNames.filter((name) => values.peer?.includes(name) ?? true)
if (chosen.length === 0 || peers.length === 0) {
  log(`rows: ${rowNames.join(', ')}; peers: ${peerNames.join(', ')}`)
  process.exit(2)
}

const loadBefore = loadavg()[0] ?? 0
const versions: Record<string, string> = {}
const rows: Row[] = []
const kinds = loadKinds.filter((kind) => chosen.includes(kind))
if (kinds.length > 0) for (const name of peers) rows.push(...(await loadRows(name)))
if (chosen.includes('precompiles')) rows.push(...(await precompileRows()))
if (chosen.includes('validators')) {
  log('four validators')
  const figures = await measurePace({ watchMs: 1000 * Number(values['watch-seconds']) })
  rows.push({ name: 'four validators', of: 'quern', figures: { ...figures } })
}
if (chosen.includes('sync') || chosen.includes('snapshot')) rows.push(...(await longChainRows()))

const machine = {
  processor: cpus()[0]?.model.trim() ?? process.arch,
  cores: availableParallelism(),
  node: process.versions.node,
  versions,
  loadAverage: [loadBefore, loadavg()[0] ?? 0],
}
const report = reportOf(rows)
const load = machine.loadAverage.map((average) => average.toFixed(1)).join(' to ')
console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}, load ${load}`)
for (const line of tableOf(report)) console.log(line)
if (values.json) console.log(JSON.stringify({ ...report, machine }))
process.exit(0)

/** All loads on one peer, which is alone on the machine meanwhile. */
async function loadRows(name: PeerName): Promise<readonly Row[]> {
  const found: Row[] = []
  try {
    const peer = await startChainPeer(name)
    versions[name] = peer.version
    try {
      const targets = await prepareChain(peer, compileLoadContracts())
      for (const kind of kinds) {
        log(`${kind}: ${name}`)
        const count = Math.ceil(loadCounts[kind] * Number(values.scale))
        const figures = await measureLoad(peer, kind, { count, targets })
        found.push({ name: kind, of: name, figures: { ...figures, mib: peer.residentMib() } })
      }
    } finally {
      await peer.stop()
    }
  } catch (error) {
    const missing = kinds.slice(found.length)
    const reason = (error as Error).message
    for (const kind of missing) found.push({ name: kind, of: name, figures: {}, reason })
  }
  return found
}

/** Both ways of coming late on one chain. */
async function longChainRows(): Promise<readonly Row[]> {
  log(`a chain of ${values.blocks} blocks`)
  const ways = { withSync: chosen.includes('sync'), withSnapshot: chosen.includes('snapshot') }
  const { sync, snapshot, ...chain } = await measureLongChain(Number(values.blocks), ways)
  const found: Row[] = []
  if (sync !== undefined) found.push({ name: 'sync', of: 'quern', figures: { ...chain, ...sync } })
  const figures = { ...chain, ...snapshot }
  if (snapshot !== undefined) found.push({ name: 'snapshot', of: 'quern', figures })
  return found
}

/** A row for each case, and one for the slowest. */
async function precompileRows(): Promise<readonly Row[]> {
  log('precompiles')
  const speeds = await measurePrecompiles({ msEach: 300 })
  const slowestMgasPerSecond = Math.min(...speeds.map(({ mgasPerSecond }) => mgasPerSecond))
  return [
    ...speeds.map(({ name, ...figures }) => ({ name, of: 'quern', figures })),
    { name: 'precompiles', of: 'quern', figures: { slowestMgasPerSecond } },
  ]
}
