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
  has(cid: CID): Promise<boolean>
  /** The block's bytes, or nothing. A block that was altered on disk is deleted and counts as absent. */
  read(cid: CID): Promise<Uint8Array | undefined>
  list(): Promise<readonly StoredBlock[]>
  remove(block: StoredBlock): Promise<void>
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
  const usage = { usedBytes: 0, sizeBytesMax }

  function pathOf(cid: CID): string {
    const { dir, file } = sharding.encode(cid)
    return join(directory, dir, file)
  }

  async function open(): Promise<void> {
    await mkdir(directory, { recursive: true })
    await files.open()
    await removeTorn(directory)
    usage.usedBytes = (await listBlocks(directory)).reduce((sum, block) => sum + block.sizeBytes, 0)
  }

  async function read(cid: CID): Promise<Uint8Array | undefined> {
    const bytes = await readFile(pathOf(cid)).catch(ignoreMissing)
    if (bytes === undefined) return undefined
    if (cid.multihash.code !== sha256Code || equalBytes(sha256(bytes), cid.multihash.digest)) {
      return bytes
    }
    await remove(pathOf(cid))
    return undefined
  }

  async function remove(path: string): Promise<void> {
    const found = await stat(path).catch(ignoreMissing)
    if (found === undefined) return
    await unlink(path).catch(ignoreMissing)
    usage.usedBytes -= found.size
  }

  async function* get(cid: CID): AsyncGenerator<Uint8Array> {
    const bytes = await read(cid)
    if (bytes === undefined) throw new AppError({ code: 'BLOCK_ALTERED', cid: cid.toString() })
    yield bytes
  }

  return {
    blockstore: Object.assign(new FsBlockstore(directory), {
      get,
      put: createPut(files, usage),
      delete: (cid: CID) => remove(pathOf(cid)),
    }),
    open,
    has: (cid) => files.has(cid),
    read,
    list: () => listBlocks(directory),
    remove: (block) => remove(block.path),
    usedBytes: () => usage.usedBytes,
  }
}

interface Usage {
  usedBytes: number
  readonly sizeBytesMax: number
}

/** Writes each block once, however many ask for it at the same time, and counts it. */
function createPut(files: FsBlockstore, usage: Usage) {
  const writing = new Map<string, Promise<CID>>()

  async function write(cid: CID, bytes: Uint8Array): Promise<CID> {
    if (await files.has(cid)) return cid
    if (usage.usedBytes + bytes.length > usage.sizeBytesMax) throw fullError(usage)
    usage.usedBytes += bytes.length
    try {
      return await files.put(cid, bytes)
    } catch (error) {
      usage.usedBytes -= bytes.length
      throw String(error).includes('ENOSPC') ? fullError(usage, error) : error
    }
  }

  return async (cid: CID, bytes: Uint8Array): Promise<CID> => {
    if (bytes.length > p2pLimits.blockBytesMax) {
      throw new AppError({ code: 'BLOCK_TOO_LARGE', sizeBytes: bytes.length })
    }
    const key = blockKey(cid)
    const written = writing.get(key) ?? write(cid, bytes).finally(() => writing.delete(key))
    writing.set(key, written)
    return written
  }
}

function fullError({ usedBytes, sizeBytesMax }: Usage, cause?: unknown): AppError {
  const isDisk = cause !== undefined
  const message = isDisk
    ? 'the disk is full: no artifact can be stored'
    : `the artifacts here have ${usedBytes} bytes, no more than ${sizeBytesMax} are allowed; raise --artifact-gib-max`
  return new AppError({ code: 'BLOCKSTORE_FULL', usedBytes, sizeBytesMax, message }, { cause })
}

async function listBlocks(directory: string): Promise<StoredBlock[]> {
  const blocks: StoredBlock[] = []
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.endsWith(sharding.extension)) continue
    const path = join(directory, name)
    const found = await stat(path).catch(ignoreMissing)
    if (found?.isFile()) blocks.push({ key: basename(name), path, sizeBytes: found.size })
  }
  return blocks
}

/** Half-written files of a process that was killed. */
async function removeTorn(directory: string): Promise<void> {
  for (const name of await readdir(directory, { recursive: true })) {
    if (name.endsWith('.tmp')) await unlink(join(directory, name))
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
