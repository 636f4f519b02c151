import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Summary } from '#cli/job/summary.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

export type Line = { readonly event: string } & Readonly<Record<string, unknown>>

export interface Run {
  readonly exitCode: number | null
  readonly lines: readonly Line[]
  readonly err: string
}

export interface RunOptions {
  readonly dataDir: string
  readonly environment?: Readonly<Record<string, string>>
  readonly timeoutMs?: number | undefined
  /** Called for each line as it is printed. */
  readonly onLine?: (line: Line) => void
  /** A program that runs the command, such as `taskset -c 0`. */
  readonly under?: readonly string[]
}

/** Runs `quern --json <args>` in a process of its own, as a user would. */
export function quern(args: readonly string[], options: RunOptions): Promise<Run> {
  const { under = [], timeoutMs = 600_000 } = options
  const [program, ...rest] = [...under, process.execPath, main, '--json', '--data-dir']
  const child = spawn(program, [...rest, options.dataDir, ...args], {
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  })
  const lines: Line[] = []
  let err = ''
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line
    lines.push(line)
    options.onLine?.(line)
  })
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, lines, err }))
  })
}

/** A local network of real processes that a test started with `quern up`. */
export interface LocalWorld {
  readonly dataDir: string
  /** Posts a job and waits for its end. */
  post(files: readonly string[], flags: readonly string[], options?: PostOptions): Promise<Run>
  /** The living daemon's pid, as `daemon.pid` tells it. */
  pidOf(part: string): number
  /** Lines of all logs with this message, for what is told of a failure. */
  logged(message: string): string
  stop(): Promise<void>
}

interface PostOptions {
  /** Development account that pays; each post at the same time needs its own. */
  readonly client?: number
  /** Ten minutes if undefined. */
  readonly timeoutMs?: number | undefined
  readonly onLine?: (line: Line) => void
}

/** Starts `quern up` in a new directory and waits until everything listens. */
export async function startWorld(
  flags: readonly string[],
  options: { readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<LocalWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quern-world-'))
  const { environment } = options
  let clients = 0
  let pid: number | undefined
  const ended = new Promise<Run>((resolve) => {
    void quern(['up', '--rpc-port', '0', ...flags], {
      dataDir,
      environment,
      timeoutMs: 3_600_000,
      onLine: ({ event }) => {
        if (event === 'up') pid = Number(readFileSync(join(dataDir, 'daemon.pid'), 'utf8'))
      },
    }).then(resolve)
  })
  while (pid === undefined) {
    const early = await Promise.race([
      ended,
      new Promise<undefined>((resolve) => setTimeout(resolve, 100)),
    ])
    if (early !== undefined) throw new Error(`quern up ended with ${early.exitCode}: ${early.err}`)
  }
  const upPid = pid

  async function post(
    files: readonly string[],
    postFlags: readonly string[],
    { client = 1, onLine, timeoutMs }: PostOptions = {},
  ): Promise<Run> {
    clients += 1
    const clientDir = join(dataDir, `client-${clients}`)
    mkdirSync(clientDir)
    copyFileSync(join(dataDir, 'network.json'), join(clientDir, 'network.json'))
    const account = ['--account', `dev:${client}`, '--yes']
    return quern(['job', 'post', ...files, ...account, ...postFlags], {
      dataDir: clientDir,
      onLine,
      timeoutMs,
    })
  }

  async function stop(): Promise<void> {
    process.kill(upPid, 'SIGTERM')
    await ended
    rmSync(dataDir, { recursive: true, force: true })
  }

  function logged(message: string): string {
    const logs = join(dataDir, 'logs')
    const files = readdirSync(logs).filter((name) => name.endsWith('.out.log'))
    const lines = files.flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n'))
    return lines.filter((line) => line.includes(`"msg":"${message}"`)).join('\n')
  }

  const pidOf = (part: string) => Number(readFileSync(join(dataDir, part, 'daemon.pid'), 'utf8'))
  return { dataDir, post, pidOf, logged, stop }
}

/** The last line of a run that ended a job; amounts (decimal strings in JSON) are bigints again. */
export function summaryOf(run: Run): Summary {
  const last = run.lines.at(-1)
  if (last?.event !== 'summary') {
    const tail = JSON.stringify(run.lines.slice(-3))
    throw new Error(`no summary (exit ${run.exitCode}): ${run.err}\n${tail}`)
  }
  const text = JSON.stringify(last)
  return JSON.parse(text, (key, value: unknown) =>
    key.endsWith('Wei') ? BigInt(value as string) : value,
  ) as Summary
}
