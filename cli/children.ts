import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'

export interface ChildOptions {
  /** Names the log files: `<name>.out.log` and `<name>.err.log` in `logDir`. */
  readonly name: string
  /** The command line after `quern`. */
  readonly args: readonly string[]
  readonly logDir: string
  readonly environment?: Readonly<Record<string, string>>
  /** Another program than the command line. */
  readonly entry?: string
}

export interface ChildExit {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

/** A `quern` process of its own, which ends by itself when this process ends. */
export interface Child {
  readonly name: string
  readonly pid: number
  readonly exited: Promise<ChildExit>
  isRunning(): boolean
  send(message: object): void
  /**
   * The first message, sent or still to come, for which `pick` returns something. Throws CHILD_EXITED when
   * the process ends before, CHILD_SILENT after `timeoutMs`.
   */
  waitFor<T>(pick: (message: unknown) => T | undefined, options: WaitOptions): Promise<T>
  /** Asks the process to end, kills it after `timeoutMs`. */
  stop(options?: { readonly timeoutMs?: number }): Promise<ChildExit>
  /** Kills it at once. */
  kill(): Promise<ChildExit>
}

interface WaitOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

const messagesMax = 1024
const commandLine = fileURLToPath(new URL('main.ts', import.meta.url))

/** Starts `quern <args>` with this Node, a channel for messages, and files for what it prints. */
export function spawnQuern(options: ChildOptions): Child {
  const child = spawnLogged(options)
  const { pid } = child
  assert(pid !== undefined, 'Node starts itself')
  const messages: unknown[] = []
  const listeners = new Set<() => void>()
  let exit: ChildExit | undefined

  child.on('message', (message) => {
    messages.push(message)
    if (messages.length > messagesMax) messages.shift()
    for (const listener of listeners) listener()
  })
  const exited = new Promise<ChildExit>((resolve) => {
    child.on('exit', (exitCode, signal) => {
      exit = { exitCode, signal }
      for (const listener of listeners) listener()
      resolve(exit)
    })
  })

  function waitFor<T>(pick: (message: unknown) => T | undefined, wait: WaitOptions): Promise<T> {
    const limit = AbortSignal.timeout(wait.timeoutMs)
    const ended = wait.signal === undefined ? limit : AbortSignal.any([limit, wait.signal])
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        listeners.delete(look)
        ended.removeEventListener('abort', look)
        finish()
      }
      function look() {
        const found = firstOf(messages, pick)
        if (found !== undefined) settle(() => resolve(found))
        else if (exit !== undefined) settle(() => reject(exitedError(options, exit)))
        else if (limit.aborted) settle(() => reject(silentError(options, wait)))
        else if (ended.aborted) settle(() => reject(ended.reason as Error))
      }
      listeners.add(look)
      ended.addEventListener('abort', look, { once: true })
      look()
    })
  }

  async function stop({ timeoutMs = 10_000 } = {}): Promise<ChildExit> {
    if (exit !== undefined) return exit
    child.kill('SIGTERM')
    const waiting = new AbortController()
    const late = sleep(timeoutMs, undefined, { signal: waiting.signal }).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    )
    const ended = await exited
    waiting.abort()
    await late
    return ended
  }

  return {
    name: options.name,
    pid,
    exited,
    isRunning: () => exit === undefined,
    send: (message) => void (child.connected && child.send(message)),
    waitFor,
    stop,
    kill: () => (child.kill('SIGKILL'), exited),
  }
}

/** Tells the parent process something, where there is one that listens. */
export function tellParent(message: object): void {
  flushCompileCache() // this process may be killed
  if (process.connected) process.send?.(message)
}

function spawnLogged(options: ChildOptions): ChildProcess {
  mkdirSync(options.logDir, { recursive: true })
  flushCompileCache() // what this process has compiled the other need not
  const out = openSync(join(options.logDir, `${options.name}.out.log`), 'a', 0o600)
  const err = openSync(join(options.logDir, `${options.name}.err.log`), 'a', 0o600)
  try {
    return spawn(process.execPath, [options.entry ?? commandLine, ...options.args], {
      stdio: ['ignore', out, err, 'ipc'],
      env: { ...process.env, ...options.environment },
      serialization: 'json',
    })
  } finally {
    closeSync(out)
    closeSync(err)
  }
}

function firstOf<T>(messages: readonly unknown[], pick: (message: unknown) => T | undefined) {
  for (const message of messages) {
    const found = pick(message)
    if (found !== undefined) return found
  }
  return undefined
}

function exitedError({ name, logDir }: ChildOptions, exit: ChildExit | undefined): AppError {
  return new AppError({ code: 'CHILD_EXITED', name, ...exit, log: join(logDir, `${name}.err.log`) })
}

function silentError({ name, logDir }: ChildOptions, { timeoutMs }: WaitOptions): AppError {
  return new AppError({
    code: 'CHILD_SILENT',
    name,
    timeoutMs,
    log: join(logDir, `${name}.err.log`),
  })
}
