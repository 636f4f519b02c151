import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A process of the benchmark's. */
export interface Child {
  readonly pid: number
  /** The first line that it prints; rejects where it ends before. */
  readonly line: Promise<string>
  kill(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a script of this folder with the Node that runs this; `flags` go to Node. */
export function startScript(
  name: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Child {
  const script = join(root, 'test', 'bench', 'chain', `${name}.ts`)
  return watch(
    spawn(process.execPath, [...flags, script, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HARDHAT_DISABLE_TELEMETRY: '1' },
    }),
    name,
  )
}

/** Watches a process. */
export function watch(child: ChildProcess, name: string): Child {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const line = firstLineOf(child, name)
  line.catch(() => undefined) // who waits for it is told
  return {
    pid: child.pid ?? 0,
    line,
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await ended
    },
  }
}

function firstLineOf(child: ChildProcess, name: string): Promise<string> {
  let said = ''
  let errors = ''
  child.stderr?.on('data', (part: Buffer) => (errors += part.toString('utf8')))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${name} ended: ${errors.slice(-600)}`)))
    child.stdout?.on('data', (part: Buffer) => {
      said += part.toString('utf8')
      if (said.includes('\n')) resolve(said.slice(0, said.indexOf('\n')))
    })
  })
}

const ticksPerSecond = 100

/** User and system time of a process, from Linux's /proc; 0 elsewhere. */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000
  } catch {
    return 0
  }
}

/** Resident memory of a process in MiB, from Linux's /proc; 0 elsewhere. */
export function residentMibOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** Looks at a process's memory each second until it is asked for the most that it saw. */
export function watchMib(pid: number): () => number {
  let most = 0
  const look = () => (most = Math.max(most, residentMibOf(pid)))
  const looking = setInterval(look, 1_000)
  return () => {
    clearInterval(looking)
    return look()
  }
}
