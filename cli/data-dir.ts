import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import envPaths from 'env-paths'
import { AppError } from '#base/error.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The data directory: `--data-dir`, else QUERN_HOME, else the platform's usual place. */
export function dataDirOf(flag: string | undefined, environment: Environment): string {
  const chosen = flag ?? environment['QUERN_HOME']
  return chosen === undefined || chosen === ''
    ? envPaths('quern', { suffix: '' }).data
    : resolve(chosen)
}

/** Creates the directory for its owner alone. Throws DATA_DIR_UNUSABLE. */
export function makeDataDir(dataDir: string): void {
  try {
    makeFolder(dataDir)
    accessSync(dataDir, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new AppError({ code: 'DATA_DIR_UNUSABLE', dataDir }, { cause: error })
  }
}

/** Like a recursive mkdir, which never returns where a file system (such as /proc) refuses with ENOENT. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error // another process made it
  }
}

/** Writes a file so that a reader, or a crash, sees either the old or the new content. */
export function writeFileAtomic(path: string, text: string, mode = 0o600): void {
  const part = `${path}.${process.pid}.part`
  writeFileSync(part, text, { mode, flush: true })
  renameSync(part, path)
}

export interface DataDirLock {
  readonly release: () => void
}

const lockName = 'lock'
const pidName = 'daemon.pid'

/**
 * Makes this process the one daemon of a data directory: `lock` and `daemon.pid` hold its pid. The lock of a
 * process that has died is taken over. Throws DATA_DIR_LOCKED with the pid of a living owner.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  makeDataDir(dataDir)
  const path = join(dataDir, lockName)
  const own = `${process.pid} ${birthOf(process.pid)}\n`
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (claim(path, own)) {
      writeFileAtomic(join(dataDir, pidName), `${process.pid}\n`)
      return { release: () => release(dataDir, own) }
    }
    removeIfStale(path, dataDir)
  }
  throw lockedError(dataDir)
}

/** The pid of the living daemon of a data directory, if there is one. */
export function runningPid(dataDir: string): number | undefined {
  const owner = ownerOf(join(dataDir, lockName))
  return owner !== undefined && isAlive(owner) ? owner.pid : undefined
}

interface Owner {
  readonly pid: number
  readonly birth: string
}

function claim(path: string, own: string): boolean {
  try {
    writeFileSync(path, own, { flag: 'wx', mode: 0o600, flush: true })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new AppError({ code: 'DATA_DIR_UNUSABLE', path }, { cause: error })
  }
}

/** Moves a dead owner's lock away; of two who try at once only one can rename the same file. */
function removeIfStale(path: string, dataDir: string): void {
  const owner = ownerOf(path)
  if (owner === undefined) return
  if (isAlive(owner)) throw lockedError(dataDir, owner.pid)
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return // the other one was faster
  }
  const moved = ownerOf(aside)
  if (moved !== undefined && isAlive(moved)) {
    renameSync(aside, path) // a living owner claimed it in between
    throw lockedError(dataDir, moved.pid)
  }
  rmSync(aside, { force: true })
}

function lockedError(dataDir: string, pid?: number): AppError {
  const owner = pid === undefined ? 'another process' : `process ${pid}`
  const message = `${owner} uses ${dataDir}; stop it, or choose another place with --data-dir`
  return new AppError({ code: 'DATA_DIR_LOCKED', dataDir, pid, message })
}

function release(dataDir: string, own: string): void {
  const path = join(dataDir, lockName)
  if (readText(path) !== own) return
  rmSync(join(dataDir, pidName), { force: true })
  rmSync(path, { force: true })
}

function ownerOf(path: string): Owner | undefined {
  const text = readText(path)
  if (text === undefined) return undefined
  const [pid, birth] = text.trim().split(' ')
  return { pid: Number(pid), birth: birth ?? '' }
}

function isAlive(owner: Owner): boolean {
  if (!Number.isSafeInteger(owner.pid) || owner.pid <= 0) return false
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return birthOf(owner.pid) === owner.birth // else the pid has been given to another process
}

/** When a process began, in clock ticks since boot; a dash where the system does not tell. */
function birthOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`)
  // The program's name, field 2, stands in parentheses and may hold spaces; the start is field 22.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-'
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not there
  }
}
