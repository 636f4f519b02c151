import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type UnixFS, unixfs } from '@helia/unixfs'
import type { Helia } from 'helia'
import type { CID } from 'multiformats/cid'
import { AppError, codeOf } from '#base/error.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import { limits } from '#wire/limits.ts'
import { createReading, parseCid, type ArtifactParts } from './artifact-reading.ts'
import { serveBlocks } from './block-pull.ts'
import { createBlockStore } from './block-store.ts'
import { collectBlocks, holdsAll } from './collect.ts'
import { composeHelia } from './helia.ts'
import { createLock } from './lock.ts'
import type { ArtifactFile, Artifacts } from './network.ts'
import type { Libp2pNetwork } from './node.ts'
import { createPins } from './pins.ts'

const entriesMax = 4_096
const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/
const importOptions = { rawLeaves: true, cidVersion: 1, reduceSingleLeafToSelf: true } as const

export interface ArtifactsOptions {
  /** Holds `blocks/` and `pins/`. */
  readonly directory: string
  /** Blocks beyond it are refused with BLOCKSTORE_FULL. */
  readonly sizeBytesMax?: number
  readonly log?: Logger
}

/** Artifacts of one node: a persistent block store, served to peers and filled from them. */
export function createArtifacts(network: Libp2pNetwork, options: ArtifactsOptions): Artifacts {
  const { directory, sizeBytesMax = limits.artifactBytesMax * 4 } = options
  const store = createBlockStore(join(directory, 'blocks'), sizeBytesMax)
  const pins = createPins(join(directory, 'pins'))
  const helia = composeHelia(network.libp2p, store, options.log ?? noopLogger)
  const files = unixfs({ blockstore: mending(helia.blockstore) })
  const lock = createLock()
  let unserve: (() => Promise<void>) | undefined

  async function start(): Promise<void> {
    await store.open()
    await pins.open()
    await helia.start()
    unserve = await serveBlocks(network.libp2p, (cid) => store.read(cid))
  }

  async function stop(): Promise<void> {
    await unserve?.()
    unserve = undefined
    await helia.stop()
  }

  function collect(): Promise<{ freedBytes: number }> {
    return lock.exclusive(async () => collectBlocks(helia, store, await pins.all()))
  }

  return {
    start,
    stop,
    ...createWriting({ files, pins, lock }),
    ...createReading({ files, pins, lock }),
    has: (cid) => holdsAll(helia, store, parseCid(cid)),
    pin: (cid, owner) => lock.shared(() => pins.add(parseCid(cid).toString(), owner)),
    unpinOwner: (owner) => pins.removeOwner(owner),
    collect,
    usedBytes: () => store.usedBytes(),
  }
}

type Blocks = Helia['blockstore']

/** A block that was altered on disk is gone once that was seen: the second try fetches it. */
function mending(blocks: Blocks): Pick<Blocks, 'get' | 'put' | 'has'> {
  async function* get(...[cid, options]: Parameters<Blocks['get']>) {
    try {
      yield* blocks.get(cid, options)
    } catch (error) {
      if (codeOf(error) !== 'BLOCK_ALTERED') throw error
      yield* blocks.get(cid, options)
    }
  }
  return {
    get,
    put: (cid, bytes, options) => blocks.put(cid, bytes, options),
    has: (cid, options) => blocks.has(cid, options),
  }
}

type Owned = { readonly owner?: string }

function createWriting(parts: ArtifactParts): Pick<Artifacts, 'add' | 'addFile' | 'addDirectory'> {
  const { files, pins, lock } = parts

  /** What is imported is pinned before anything can be collected. */
  function importing(work: () => Promise<CID>, { owner }: Owned): Promise<string> {
    return lock.shared(async () => {
      const cid = (await work()).toString()
      if (owner !== undefined) await pins.add(cid, owner)
      return cid
    })
  }

  async function addFile(path: string, options: Owned = {}): Promise<string> {
    await access(path).catch((cause: unknown) => {
      throw new AppError({ code: 'FILE_UNREADABLE', path }, { cause })
    })
    const bytes = () => createReadStream(path, { highWaterMark: limits.artifactBlockBytes })
    return importing(() => files.addByteStream(bytes(), importOptions), options)
  }

  async function addDirectory(
    content: readonly ArtifactFile[],
    options: Owned = {},
  ): Promise<string> {
    const names = new Set(content.map(({ name }) => name))
    const isValid = names.size === content.length && [...names].every((name) => fileName.test(name))
    if (!isValid || names.size === 0 || names.size > entriesMax) {
      throw new AppError({ code: 'ARTIFACT_INVALID', reason: 'file names' })
    }
    return importing(() => importDirectory(files, content), options)
  }

  return {
    add: (bytes, options = {}) => importing(() => files.addBytes(bytes, importOptions), options),
    addFile,
    addDirectory,
  }
}

async function importDirectory(files: UnixFS, content: readonly ArtifactFile[]): Promise<CID> {
  const source = content.map(({ name, bytes }) => ({ path: name, content: bytes }))
  let root: CID | undefined
  const wrapped = { ...importOptions, wrapWithDirectory: true }
  for await (const { cid } of files.addAll(source, wrapped)) root = cid
  if (root === undefined) throw new AppError({ code: 'ARTIFACT_INVALID', reason: 'empty' })
  return root
}
