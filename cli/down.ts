import { AppError } from '#base/error.ts'
import type { Context } from './context.ts'
import { runningPid } from './data-dir.ts'

const timeoutMs = 60_000
const pollMs = 200

/** Asks the daemon of the data directory to end and waits until it has. Throws NOT_RUNNING, STILL_RUNNING. */
export async function runDown(context: Context): Promise<void> {
  const dataDir = context.dataDir()
  const pid = runningPid(dataDir)
  if (pid === undefined) {
    throw new AppError({ code: 'NOT_RUNNING', dataDir, message: `nothing runs in ${dataDir}` })
  }
  process.kill(pid, 'SIGTERM')
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
    if (runningPid(dataDir) !== pid) {
      context.output.print({ event: 'down', pid }, `process ${pid} has ended`)
      return
    }
    await context.clock.sleep(pollMs, context.stopping)
  }
  throw new AppError({ code: 'STILL_RUNNING', pid, message: `process ${pid} has not ended` })
}
