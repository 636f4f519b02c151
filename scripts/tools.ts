import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The package's own folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The programs of the development dependencies, run with this Node. */
export const tools = {
  tsc: 'node_modules/typescript/bin/tsc',
  oxlint: 'node_modules/oxlint/bin/oxlint',
  prettier: 'node_modules/prettier/bin/prettier.cjs',
  solhint: 'node_modules/solhint/solhint.js',
  knip: 'node_modules/knip/bin/knip.js',
  hardhat: 'node_modules/hardhat/dist/src/cli.js',
} as const

export interface ToolRun {
  readonly exitCode: number
  readonly output: string
}

/** Runs a program of `tools` (or a script of ours) in the package's folder; ends it after `timeoutMs`. */
export function runTool(
  file: string,
  args: readonly string[],
  options: { readonly timeoutMs?: number; readonly isShown?: boolean } = {},
): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HARDHAT_DISABLE_TELEMETRY: '1', FORCE_COLOR: '0' },
      timeout: options.timeoutMs ?? 600_000,
      killSignal: 'SIGKILL',
    })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk.toString()
      if (options.isShown === true) process.stdout.write(chunk)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', reject)
    child.on('close', (code) => resolve({ exitCode: code ?? 1, output }))
  })
}

/** Whether a file or folder of the package is there. */
export function isThere(path: string): boolean {
  return existsSync(new URL(`../${path}`, import.meta.url))
}
