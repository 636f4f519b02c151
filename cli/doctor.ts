import { existsSync, rmSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { AppError } from '#base/error.ts'
import type { BackendFinding } from '#compute/backends/probe.ts'
import { makeDataDir, runningPid, writeFileAtomic } from './data-dir.ts'

/** One thing that was looked at. `missing` is something optional; `broken` keeps quern from working. */
export interface Finding {
  readonly name: string
  readonly state: 'ok' | 'missing' | 'broken'
  readonly text: string
}

interface Machine {
  readonly dataDir: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

const nodeMajorMin = 24
const memoryGibMin = 2
const optionalPackages = ['node-llama-cpp']
const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome']

/** Looks at everything this machine brings: run time, hardware, disk, kernels, browser, backends. */
export async function examine(machine: Machine): Promise<readonly Finding[]> {
  return [
    nodeFinding(process.versions.node),
    { name: 'cores', state: 'ok', text: `${availableParallelism()}` },
    memoryFinding(totalmem(), freemem()),
    diskFinding(machine.dataDir),
    await kernelsFinding(),
    chromiumFinding(machine.environment['PATH'] ?? ''),
    ...optionalPackages.map(packageFinding),
    ...(await backendFindings(machine)),
  ]
}

/** Whether this Node runs TypeScript as it is. */
export function nodeFinding(version: string): Finding {
  const isNewEnough = Number(version.split('.')[0]) >= nodeMajorMin
  const text = isNewEnough ? version : `${version}; ${nodeMajorMin} or newer is needed`
  return { name: 'node', state: isNewEnough ? 'ok' : 'broken', text }
}

function memoryFinding(totalBytes: number, freeBytes: number): Finding {
  const [total, free] = [totalBytes / 2 ** 30, freeBytes / 2 ** 30]
  const text = `${total.toFixed(1)} GiB, ${free.toFixed(1)} GiB free`
  return { name: 'memory', state: total >= memoryGibMin ? 'ok' : 'broken', text }
}

/** Whether the data directory can be written, and who runs on it. */
export function diskFinding(dataDir: string): Finding {
  try {
    makeDataDir(dataDir)
    const path = join(dataDir, '.doctor')
    writeFileAtomic(path, 'ok\n')
    rmSync(path)
  } catch (error) {
    const text = error instanceof AppError ? error.message : `${dataDir}: ${String(error)}`
    return { name: 'data directory', state: 'broken', text }
  }
  const pid = runningPid(dataDir)
  const text = pid === undefined ? dataDir : `${dataDir}, in use by process ${pid}`
  return { name: 'data directory', state: 'ok', text }
}

async function kernelsFinding(): Promise<Finding> {
  try {
    const { readFileSync } = await import('node:fs')
    const { engineIdOf } = await import('#compute/exact/kernels.ts')
    const wasm = readFileSync(new URL('../compute/exact/kernels.wasm', import.meta.url))
    await WebAssembly.compile(wasm)
    return { name: 'kernels', state: 'ok', text: `engine ${engineIdOf(wasm)}` }
  } catch (error) {
    return { name: 'kernels', state: 'broken', text: String(error) }
  }
}

/** Whether a browser for the browser tests is on the path. */
export function chromiumFinding(path: string): Finding {
  const found = path
    .split(delimiter)
    .flatMap((folder) => chromiumNames.map((name) => join(folder, name)))
    .find((file) => existsSync(file))
  if (found !== undefined) return { name: 'chromium', state: 'ok', text: found }
  return { name: 'chromium', state: 'missing', text: 'only the browser tests need it' }
}

function packageFinding(name: string): Finding {
  try {
    import.meta.resolve(name)
    return { name, state: 'ok', text: 'installed' }
  } catch {
    return { name, state: 'missing', text: 'optional, not installed' }
  }
}

/** Other engines for the same graph, tested against the exact one and timed. None is needed. */
async function backendFindings({ environment }: Machine): Promise<readonly Finding[]> {
  const { probeBackends } = await import('#compute/backends/probe.ts')
  return (await probeBackends({ environment })).map(backendFinding)
}

/** One backend in words. A backend that is refused is not used, which breaks nothing. */
export function backendFinding(found: BackendFinding): Finding {
  const { name } = found
  switch (found.state) {
    case 'missing':
      return { name, state: 'missing', text: `optional, not installed: ${found.install}` }
    case 'refused':
      return { name, state: 'missing', text: `installed, not used: ${found.reason}` }
    case 'ok': {
      const { relative, stepsPerSecond, exactStepsPerSecond } = found
      const text =
        `agrees with the exact engine within ${relative.toExponential(1)}; ` +
        `${stepsPerSecond.toFixed(0)} steps/s of a 784-256-10 network (exact engine, 1 thread: ` +
        `${exactStepsPerSecond.toFixed(0)})`
      return { name, state: 'ok', text }
    }
  }
}
