import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const hardhat = join(root, 'node_modules/hardhat/dist/src/cli.js')

/** The contracts that hold money or decide about it. Not among them: the arithmetic of OpVerifier and its operators. */
export const moneyPath = [
  'DisputeGame.sol',
  'EvaluatorPool.sol',
  'JobCourt.sol',
  'JobManager.sol',
  'Staking.sol',
  'StateRequests.sol',
  'TrainToken.sol',
  'ValidatorSet.sol',
  'WorkLedger.sol',
  'WorkerRegistry.sol',
  'dispute/',
  'job/',
  'libraries/AccountSlot.sol',
  'libraries/Equivocation.sol',
  'libraries/JobSlot.sol',
  'libraries/Shares.sol',
  'libraries/SumTree.sol',
  'libraries/TermsRules.sol',
  'libraries/UnitRules.sol',
  'libraries/VerdictRules.sol',
]

/** The tests closest to a source or folder: what is tried first. */
const nearest: Readonly<Record<string, readonly string[]>> = {
  'DisputeGame.sol': ['DisputeGame', 'DisputeEvents', 'DisputeFinite'],
  'EvaluatorPool.sol': ['EvaluatorPool', 'MoneyEvents'],
  'Staking.sol': ['Staking', 'MoneyEvents', 'Bounds'],
  'StateRequests.sol': ['StateRequests', 'StateRulings'],
  'ValidatorSet.sol': ['ValidatorSet', 'LedgerEvents'],
  'WorkLedger.sol': ['WorkLedger', 'LedgerEvents'],
  'WorkerRegistry.sol': ['WorkerRegistry', 'MoneyEvents'],
  'dispute/': ['DisputeGame', 'DisputeEvents', 'DisputeFinite', 'Moments'],
  'job/': ['JobEvents', 'SettleJob', 'Slash', 'Expire', 'RevealVerdict', 'ManyWorkers'],
  'libraries/AccountSlot.sol': ['Staking', 'Bounds'],
  'libraries/Equivocation.sol': ['ValidatorSet'],
  'libraries/SumTree.sol': ['EvaluatorPool'],
  'libraries/TermsRules.sol': ['PostJob', 'Bounds', 'Governance'],
  'libraries/UnitRules.sol': ['WorkLedger', 'LedgerEvents'],
}

/** Their files, below a project. */
export function nearestTests(file: string): readonly string[] {
  const names = nearest[file] ?? nearest[`${file.split('/')[0]}/`] ?? []
  return names.map((name) => `test/contracts/${name}.t.sol`)
}

/** No Solidity test needs them, and only the slower compiler takes them. */
const unneeded = ['OpVerifier.sol', 'operators']

/** A copy of the contracts and their Solidity tests, with other sources. */
export interface Project {
  readonly directory: string
  /** Runs hardhat in it; answers its exit code and what it printed. */
  hardhat(args: readonly string[], options?: RunOptions): Promise<HardhatRun>
}

interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Of the processor, whatever else it has to do; unlimited without it. */
  readonly cpuSeconds?: number
}

export interface HardhatRun {
  /** -1 where it was ended for its time. */
  readonly exitCode: number
  readonly output: string
}

/** Names of the money path's sources below `contracts/`, with what they hold. */
export function moneySources(): ReadonlyMap<string, string> {
  const folder = join(root, 'contracts')
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
  const isOf = (name: string) =>
    moneyPath.some((one) => name === one || (one.endsWith('/') && name.startsWith(one)))
  const chosen = names.filter((name) => name.endsWith('.sol') && isOf(name))
  return new Map(chosen.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}

/** SHA-256 of these sources and of the tests that run on them. */
export function sourcesDigest(sources: ReadonlyMap<string, string>): string {
  const folder = join(root, 'test/contracts')
  const tests = readdirSync(folder).filter((name) => name.endsWith('.sol'))
  const texts = tests.toSorted().map((name) => [name, readFileSync(join(folder, name), 'utf8')])
  return createHash('sha256')
    .update(JSON.stringify([[...sources], texts]))
    .digest('hex')
}

/** Makes the copy in `cache/<name>`, with these sources in place of the originals. */
export function createProject(name: string, sources: ReadonlyMap<string, string>): Project {
  const directory = join(root, 'cache', name)
  mkdirSync(directory, { recursive: true })
  // What was compiled stays: hardhat compiles again what changed.
  for (const folder of ['contracts', 'test']) {
    rmSync(join(directory, folder), { recursive: true, force: true })
  }
  cpSync(join(root, 'contracts'), join(directory, 'contracts'), { recursive: true })
  cpSync(join(root, 'test/contracts'), join(directory, 'test/contracts'), {
    recursive: true,
    filter: (path) => !path.endsWith('.ts'),
  })
  for (const name of unneeded) rmSync(join(directory, 'contracts', name), { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n')
  writeFileSync(join(directory, 'hardhat.config.ts'), configuration)
  for (const [file, source] of sources) {
    writeFileSync(join(directory, 'contracts', file), source)
  }
  return {
    directory,
    hardhat: (args, options) => runHardhat(directory, args, options),
  }
}

function runHardhat(
  cwd: string,
  args: readonly string[],
  { environment = {}, cpuSeconds }: RunOptions = {},
): Promise<HardhatRun> {
  const limit = `ulimit -t ${cpuSeconds ?? 'unlimited'} && exec "$@"`
  const child = spawn('sh', ['-c', limit, 'sh', process.execPath, hardhat, ...args], {
    cwd,
    env: { ...process.env, HARDHAT_DISABLE_TELEMETRY: '1', FORCE_COLOR: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const collect = (chunk: Buffer) => (output += chunk.toString())
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ exitCode: code ?? -1, output }))
  })
}

const configuration = `
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'hardhat/config'

const mutant = BigInt(process.env.QUERN_MUTANT ?? 0).toString(16).padStart(40, '0')

export default defineConfig({
  solidity: {
    version: '0.8.37',
    path: fileURLToPath(import.meta.resolve('solc/soljson.js')),
    settings: { evmVersion: 'cancun', optimizer: { enabled: true, runs: 1 } },
  },
  test: {
    solidity: {
      coinbase: '0x' + mutant,
      fuzz: { runs: 32, seed: '0x5175657265' },
      invariant: { runs: 4, depth: 60 },
    },
  },
  paths: { sources: './contracts', tests: { solidity: './test/contracts' } },
})
`
