import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A node in a process of its own. */
export interface ChainProcess {
  readonly pid: number
  readonly url: string
  readonly wsUrl: string
  /** What the process wrote to its standard error. */
  errors(): string
  kill(signal: NodeJS.Signals): Promise<void>
}

const script = fileURLToPath(new URL('./chain-process-main.ts', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))

/** Starts a node on a directory and waits until it listens; throws with what it said where it does not. */
export async function startChain(dataDir: string): Promise<ChainProcess> {
  const child = spawn(process.execPath, [script, dataDir], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')))
  const port = await firstLine(child).catch(() => {
    throw new Error(`the node did not start: ${errors}`)
  })
  return {
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    errors: () => errors,
    async kill(signal) {
      child.kill(signal)
      await ended
    },
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', () => reject(new Error('ended')))
  })
}

/** A directory that goes with `remove`. */
export async function scratchDir(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'quern-chain-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** One JSON-RPC call as it goes over the wire; gives the whole answer. */
export async function call(
  url: string,
  method: string,
  params: readonly unknown[] = [],
): Promise<{ result?: unknown; error?: { code: number; message: string; data?: unknown } }> {
  return post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
}

/** Sends a body and gives the answer as JSON. */
export async function post<T>(url: string, body: string): Promise<T> {
  const response = await fetch(url, { method: 'POST', body })
  return (await response.json()) as T
}
