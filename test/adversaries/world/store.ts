import { sha256 } from '#base/crypto/sha256.ts'
import { utf8 } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Artifacts } from '#p2p/network.ts'
import { cidOfDigest, codecs } from '#wire/cid.ts'
import type { MemoryDisk } from './disk.ts'

/** Artifacts of one job, as everybody has put them there. */
export interface Store {
  /** The same artifacts as one party reaches them. */
  of(viewer: string): Artifacts
}

/** Whether bytes that are somewhere do not come to a viewer now. */
export type Unreachable = (viewer: string, cid: string) => boolean

/** Creates the artifacts of a job, of which `isUnreachable` keeps some from some. */
export function createStore(disk: MemoryDisk, isUnreachable: Unreachable): Store {
  const held = new Map<string, Uint8Array>()

  function put(bytes: Uint8Array): string {
    const cid = cidOfDigest(toHex(sha256(bytes)))
    held.set(cid, bytes)
    return cid
  }

  function of(viewer: string): Artifacts {
    const get: Artifacts['get'] = async (cid, options = {}) => {
      options.signal?.throwIfAborted()
      const bytes = held.get(cid)
      if (!bytes || isUnreachable(viewer, cid))
        throw new AppError({ code: 'ARTIFACT_MISSING', cid })
      if (bytes.length > (options.sizeBytesMax ?? Infinity)) {
        throw new AppError({ code: 'ARTIFACT_TOO_LARGE', cid })
      }
      return bytes
    }
    const own: Partial<Artifacts> = {
      add: async (bytes) => put(bytes),
      addFile: async (path) => put(await disk.read(path)),
      async addDirectory(files) {
        const parts = files.map(({ name, bytes }) => `${name} ${toHex(sha256(bytes))}`)
        const cid = cidOfDigest(toHex(sha256(utf8(parts.join('\n')))), codecs.dagPb)
        for (const { name, bytes } of files) held.set(`${cid}/${name}`, bytes)
        return cid
      },
      get,
      getFile: async (cid, toPath, options) => disk.write(toPath, await get(cid, options)),
      has: async (cid) => held.has(cid),
      pin: async () => undefined,
      unpinOwner: async () => undefined,
    }
    return own as Artifacts
  }

  return { of }
}
