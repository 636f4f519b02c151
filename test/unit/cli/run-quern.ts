import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))

export interface Result {
  readonly exitCode: number | null
  readonly out: string
  readonly err: string
}

/** Runs the command line in a process of its own, without a terminal. */
export function runQuern(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Result> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, out, err }))
  })
}

/** The lines of a run in JSON mode. */
export function eventsOf(result: Result): readonly Record<string, unknown>[] {
  const lines = result.out.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}
