import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import type { Disk } from '#compute/train/session.ts'
import type { Files } from '#store/files.ts'

/** Files of everybody in memory, by path. */
export interface MemoryDisk extends Disk {
  /** The files below a directory. */
  files(directory: string): Files
  sizeOf(path: string): number | undefined
  /** Removes a directory with all that is in it. */
  remove(directory: string): void
}

/** Creates an empty disk. */
export function createMemoryDisk(): MemoryDisk {
  const held = new Map<string, Uint8Array<ArrayBuffer>>()

  function read(path: string): Uint8Array<ArrayBuffer> {
    const bytes = held.get(path)
    if (!bytes) throw new AppError({ code: 'FILE_FAILED', path, reason: 'ENOENT' })
    return bytes.slice()
  }

  function remove(name: string): void {
    if (held.delete(name)) return
    for (const path of held.keys()) if (path.startsWith(`${name}/`)) held.delete(path)
  }

  function files(directory: string): Files {
    const path = (name: string) => `${directory}/${name}`
    return {
      path,
      size: async (name) => held.get(path(name))?.length,
      read: async (name) => read(path(name)),
      digests: async (name, { prefixes, suffix }) => {
        const bytes = read(path(name))
        return prefixes.map((prefix) => sha256(prefix, bytes, suffix))
      },
      write: async (name, bytes) => void held.set(path(name), new Uint8Array(bytes)),
      list: async (name) => {
        const start = `${path(name)}/`
        const below = [...held.keys()].filter((one) => one.startsWith(start))
        const names = below.map((one) => one.slice(start.length).split('/')[0] as string)
        return [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1))
      },
      make: async () => undefined,
      remove: async (name) => remove(path(name)),
    }
  }

  return {
    read: async (path) => read(path),
    write: async (path, bytes) => void held.set(path, new Uint8Array(bytes)),
    files,
    sizeOf: (path) => held.get(path)?.length,
    remove,
  }
}
