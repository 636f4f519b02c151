import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import type { Context } from './context.ts'

const commandLine = fileURLToPath(new URL('main.ts', import.meta.url))
const timeoutMs = 600_000
const pollMs = 200
const chunkBytes = 65_536

type Line = { readonly event: string } & Readonly<Record<string, unknown>>

/**
 * Starts `quern up` with the same flags in a process group of its own, passes on what it says until the
 * network is ready, and leaves it. Ends it when this process is asked to stop before that. Throws what it
 * fails with, CHILD_EXITED, CHILD_SILENT.
 */
export async function runDetached(context: Context, command: Command): Promise<void> {
  const dataDir = context.dataDir()
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 })
  const log = join(dataDir, 'logs', 'up.log')
  const file = openSync(log, 'a+', 0o600)
  try {
    const lines = createTail(file)
    const args = [commandLine, '--json', '--data-dir', dataDir, 'up', ...flagsOf(command)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', file, file], detached: true })
    const network = await untilUp(context, child, { lines, log })
    child.unref()
    const { pid } = child
    const text = `runs in the background as process ${pid}, says what it does in ${log}; stop it with\n  npm run -s quern -- --data-dir ${dataDir} down`
    context.output.print({ ...network, pid, log }, text)
  } finally {
    closeSync(file)
  }
}

async function untilUp(
  context: Context,
  child: ChildProcess,
  { lines, log }: { lines: () => readonly Line[]; log: string },
): Promise<Line> {
  let isOver = false
  child.on('error', () => (isOver = true))
  child.on('exit', () => (isOver = true))
  const endMs = context.clock.nowMs() + timeoutMs
  let failure: Line | undefined
  try {
    for (;;) {
      const isLast = isOver // what it wrote before it ended is read once more
      for (const line of lines()) {
        if (line.event === 'up') return line
        if (line.event === 'error') failure = line
        if (line.event === 'ready') context.output.print(line, `${String(line['name'])} is ready`)
      }
      if (isLast) throw failureOf(failure, log)
      if (context.clock.nowMs() > endMs)
        throw new AppError({ code: 'CHILD_SILENT', timeoutMs, log })
      await context.clock.sleep(pollMs, context.stopping)
    }
  } catch (error) {
    if (!isOver) child.kill('SIGTERM')
    throw error
  }
}

function failureOf(line: Line | undefined, log: string): AppError {
  if (line === undefined) return new AppError({ code: 'CHILD_EXITED', name: 'up', log })
  const { event: _event, code, message, ...fields } = line
  return new AppError({ ...fields, code: String(code), message: String(message) })
}

/** The lines of JSON that a file has gained since the last call. */
function createTail(file: number): () => readonly Line[] {
  const decoder = new TextDecoder()
  const chunk = new Uint8Array(chunkBytes)
  let position = fstatSync(file).size
  let rest = ''
  return () => {
    for (;;) {
      const sizeBytes = readSync(file, chunk, 0, chunkBytes, position)
      if (sizeBytes === 0) break
      position += sizeBytes
      rest += decoder.decode(chunk.subarray(0, sizeBytes), { stream: true })
    }
    const complete = rest.split('\n')
    rest = complete.pop() ?? ''
    return complete.flatMap(lineOf)
  }
}

function lineOf(text: string): readonly Line[] {
  try {
    const line = JSON.parse(text) as Line
    return typeof line.event === 'string' ? [line] : []
  } catch {
    return [] // what it says on standard error is for people
  }
}

/** The flags that were typed, to be typed again. */
function flagsOf(command: Command): readonly string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName()
    if (name === 'detach' || command.getOptionValueSource(name) !== 'cli') return []
    const value = command.getOptionValue(name) as unknown
    if (typeof value === 'boolean') return [option.long ?? '']
    return [option.long ?? '', ...[value].flat().map(String)]
  })
}
