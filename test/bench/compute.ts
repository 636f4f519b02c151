/**
 * `npm run bench:compute -- [--only <task>]… [--engine <name>]… [--rounds <n>] [--round-ms <n>] [--json]`:
 * training steps and products of the exact engine beside tfjs and onnxruntime, which this installs into a
 * folder of its own. Engines work in turn, each in its own process; the table goes to stdout, with `--json`
 * followed by one line of JSON.
 */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { flagsOf } from '#scripts/flags.ts'
import { compareWithC } from './peers/clang.ts'
import { installPeer } from './peers/install.ts'
import { type EngineName, engineNames } from './peers/peer.ts'
import { startPeer } from './peers/process.ts'
import { reportOf } from './peers/report.ts'
import { type Contender, type Measurement, measureTask } from './peers/rounds.ts'
import { tableOf } from './peers/table.ts'
import { tasks } from './peers/tasks.ts'

const threadsOf: Readonly<Record<EngineName, readonly number[]>> = {
  exact: [1, 2],
  'onnxruntime-web': [1, 2],
  'onnxruntime-node': [1, 2],
  'tfjs-wasm': [1],
}

const values = flagsOf({
  options: {
    only: { type: 'string', multiple: true },
    engine: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    'round-ms': { type: 'string', default: '400' },
    json: { type: 'boolean', default: false },
  },
})

const log = (line: string) => process.stderr.write(`${line}\n`)
const chosen = tasks.filter(
  ({ name }) => values.only?.some((part) => name.startsWith(part)) ?? true,
)
const engines = engineNames.filter((name) => values.engine?.includes(name) ?? true)
if (chosen.length === 0 || engines.length === 0) {
  log(`tasks: ${tasks.map(({ name }) => name).join(', ')}; engines: ${engineNames.join(', ')}`)
  process.exit(2)
}

const contenders: Contender[] = []
for (const engine of engines) {
  const { folder, reason } = installPeer(engine)
  for (const threads of threadsOf[engine]) {
    contenders.push(await contend(engine, { threads, folder }, reason))
  }
}

async function contend(
  engine: EngineName,
  options: { threads: number; folder: string },
  absent?: string,
): Promise<Contender> {
  const { threads } = options
  if (absent !== undefined) return { engine, threads, reason: absent }
  try {
    return { engine, threads, peer: await startPeer(engine, options) }
  } catch (error) {
    return { engine, threads, reason: (error as Error).message }
  }
}

const roundMs = Number(values['round-ms'])
const rounds = Number(values.rounds)
const measurements: Measurement[] = []
const loadBefore = loadavg()[0] ?? 0
for (const task of chosen) {
  measurements.push(...(await measureTask(task, contenders, { rounds, roundMs, log })))
}
for (const { peer } of contenders) peer?.stop()

const machine = {
  processor: cpus()[0]?.model.trim() ?? process.arch,
  cores: availableParallelism(),
  node: process.versions.node,
  versions: Object.fromEntries(
    contenders.flatMap(({ engine, peer }) => (peer ? [[engine, peer.version]] : [])),
  ),
  loadAverage: [loadBefore, loadavg()[0] ?? 0],
}
const report = reportOf(compareWithC(measurements))
console.log(
  `${machine.processor}, ${machine.cores} cores, Node ${machine.node}, load ${machine.loadAverage.map((load) => load.toFixed(1)).join(' to ')}`,
)
console.log(
  Object.entries(machine.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
)
for (const line of tableOf(report, chosen)) console.log(line)
if (values.json) console.log(JSON.stringify({ ...report, machine }))
