import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'

/** A directory of files that parts without a disk of their own work on. Names may hold `/`. */
export interface Files {
  /** The absolute path of a name. */
  path(name: string): string
  /** Size in bytes; undefined when there is no such file. */
  size(name: string): Promise<number | undefined>
  read(name: string): Promise<Uint8Array<ArrayBuffer>>
  /** SHA-256 of each prefix | the file | suffix, the file read once and in pieces. */
  digests(name: string, around: Around): Promise<readonly Uint8Array<ArrayBuffer>[]>
  /** Writes a file whole or not at all; on disk when it resolves. */
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Names in a sub-directory, sorted; none when it does not exist. */
  list(directory: string): Promise<readonly string[]>
  /** Creates a sub-directory with its parents. */
  make(directory: string): Promise<void>
  /** Removes a file, or a directory with all that is in it. Nothing there is no error. */
  remove(name: string): Promise<void>
}

/** What a file is hashed with. */
export interface Around {
  readonly prefixes: readonly Uint8Array[]
  readonly suffix: Uint8Array
}

/** The files below a directory. Failures of the disk are FILE_FAILED. */
export function createFiles(directory: string): Files {
  const path = (name: string) => join(directory, name)

  return {
    path,
    size: (name) => quietly(name, async () => (await stat(path(name))).size),
    read: (name) => failing(name, async () => new Uint8Array(await readFile(path(name)))),
    digests: (name, around) => failing(name, () => digestsOf(path(name), around)),
    write: (name, bytes) => failing(name, () => writeWhole(path(name), bytes)),
    list: async (name) =>
      ((await quietly(name, () => readdir(path(name)))) ?? []).toSorted((a, b) => (a < b ? -1 : 1)),
    make: (name) => failing(name, async () => void (await mkdir(path(name), { recursive: true }))),
    remove: (name) => failing(name, () => rm(path(name), { recursive: true, force: true })),
  }
}

async function digestsOf(
  path: string,
  { prefixes, suffix }: Around,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const hashes = prefixes.map((prefix) => createHash('sha256').update(prefix))
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    for (const hash of hashes) hash.update(piece as Uint8Array)
  }
  return hashes.map((hash) => new Uint8Array(hash.update(suffix).digest()))
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.part`
  const file = await open(part, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(part, path)
}

async function failing<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new AppError({ code: 'FILE_FAILED', name, reason: codeOfSystem(error) }, { cause: error })
  }
}

async function quietly<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (codeOfSystem(error) === 'ENOENT') return undefined
    throw new AppError({ code: 'FILE_FAILED', name, reason: codeOfSystem(error) }, { cause: error })
  }
}

function codeOfSystem(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
