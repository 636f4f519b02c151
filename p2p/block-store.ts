import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FsBlockstore } from 'blockstore-fs'
import { NextToLast } from 'blockstore-fs/sharding'
import type { HeliaInit } from 'helia'
import type { CID } from 'multiformats/cid'
import { equalBytes } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { p2pLimits } from './limits.ts'

type Blockstore = NonNullable<HeliaInit['blockstore']>

/** Blocks on disk, verified when read, up to a number of bytes. */
export interface BlockStore {
  /** The interface that Helia works on. Its `put` throws BLOCKSTORE_FULL or BLOCK_TOO_LARGE. */
  readonly blockstore: Blockstore
  /** Counts what is there. Must be called before anything else. */
  open(): Promise<void>
  /** The block's bytes, or nothing. A block that was altered on disk is deleted and counts as absent. */
  read(cid: CID): Promise<Uint8Array | undefined>
  has(cid: CID): Promise<boolean>
  remove(block: StoredBlock): Promise<void>
  list(): Promise<readonly StoredBlock[]>
  usedBytes(): number
}

/** A block file; `key` is equal for all CIDs of the same bytes. */
export interface StoredBlock {
  readonly key: string
  readonly path: string
  readonly sizeBytes: number
}

const sharding = new NextToLast()
const sha256Code = 0x12

/** The name under which a block is kept, whatever its codec. */
export function blockKey(cid: CID): string {
  return sharding.encode(cid).file
}

/** Opens the blocks of a directory. */
export function createBlockStore(directory: string, sizeBytesMax: number): BlockStore {
  const files = new FsBlockstore(directory)
  const writing = new Map<string, Promise<CID>>()
  let usedBytes = 0

  async function open(): Promise<void> {
    await mkdir(directory, { recursive: true })
    await files.open()
    usedBytes = (await list()).reduce((sum, block) => sum + block.sizeBytes, 0)
  }

  async function put(cid: CID, bytes: Uint8Array): Promise<CID> {
    if (bytes.length > p2pLimits.blockBytesMax) {
      throw new AppError({ code: 'BLOCK_TOO_LARGE', sizeBytes: bytes.length })
    }
    const key = blockKey(cid)
    const written = writing.get(key) ?? write(cid, bytes).finally(() => writing.delete(key))
    writing.set(key, written)
    return written
  }

  async function write(cid: CID, bytes: Uint8Array): Promise<CID> {
    if (await files.has(cid)) return cid
    if (usedBytes + bytes.length > sizeBytesMax) throw fullError()
    usedBytes += bytes.length
    try {
      return await files.put(cid, bytes)
    } catch (error) {
      usedBytes -= bytes.length
      throw String(error).includes('ENOSPC') ? fullError(error) : error
    }
  }

  function fullError(cause?: unknown): AppError {
    return new AppError({ code: 'BLOCKSTORE_FULL', usedBytes, sizeBytesMax }, { cause })
  }

  async function read(cid: CID): Promise<Uint8Array | undefined> {
    const { dir, file } = sharding.encode(cid)
    const bytes = await readFile(join(directory, dir, file)).catch(ignoreMissing)
    if (bytes === undefined) return undefined
    if (cid.multihash.code !== sha256Code || equalBytes(sha256(bytes), cid.multihash.digest)) {
      return bytes
    }
    await removeFile(join(directory, dir, file))
    return undefined
  }

  async function removeFile(path: string): Promise<void> {
    const found = await stat(path).catch(ignoreMissing)
    if (found === undefined) return
    await unlink(path).catch(ignoreMissing)
    usedBytes -= found.size
  }

  async function list(): Promise<readonly StoredBlock[]> {
    const names = await readdir(directory, { recursive: true })
    const blocks: StoredBlock[] = []
    for (const name of names) {
      if (!name.endsWith(sharding.extension)) continue
      const path = join(directory, name)
      const found = await stat(path).catch(ignoreMissing)
      if (found?.isFile()) blocks.push({ key: basename(name), path, sizeBytes: found.size })
    }
    return blocks
  }

  async function* get(cid: CID): AsyncGenerator<Uint8Array> {
    const bytes = await read(cid)
    if (bytes === undefined) throw new AppError({ code: 'BLOCK_ALTERED', cid: cid.toString() })
    yield bytes
  }

  async function drop(cid: CID): Promise<void> {
    const { dir, file } = sharding.encode(cid)
    await removeFile(join(directory, dir, file))
  }

  const checked = Object.assign(new FsBlockstore(directory), { put, get, delete: drop })
  return {
    blockstore: checked as unknown as Blockstore,
    open,
    read,
    has: (cid) => files.has(cid),
    remove: (block) => removeFile(block.path),
    list,
    usedBytes: () => usedBytes,
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
