import { access, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { UnixFS } from '@helia/unixfs'
import { CID } from 'multiformats/cid'
import { AppError } from '#base/error.ts'
import { limits } from '#wire/limits.ts'
import { artifactError } from './artifact-error.ts'
import { type Fetching, startFetching } from './puller.ts'
import { p2pLimits } from './limits.ts'
import type { Lock } from './lock.ts'
import type { ArtifactEntry, Artifacts, GetOptions } from './network.ts'
import type { Pins } from './pins.ts'
import { createStallTimer, type StallTimer } from './stall.ts'

/** Read in windows: what is fetched ahead of a slow consumer stays below one of them. */
const windowBytes = 33_554_432
const blocksAtOnce = 4
const entriesMax = 4_096

/** What the two halves of `Artifacts` share. */
export interface ArtifactParts {
  readonly files: UnixFS
  readonly pins: Pins
  readonly lock: Lock
}

/** One reading of one artifact: its file tree, its limits, and what was learnt of its holders. */
interface Reading {
  readonly root: CID
  readonly path: string | undefined
  readonly stall: StallTimer
  readonly fetching: Fetching
  readonly sizeBytesMax: number
}

/** The reading half of `Artifacts`. */
export function createReading(parts: ArtifactParts): Pick<Artifacts, 'get' | 'getFile' | 'list'> {
  const { files, pins, lock } = parts

  /** Reads under the lock, so that nothing fetched is collected before it is pinned. */
  function reading<T>(
    artifact: string,
    options: GetOptions,
    work: (reading: Reading) => Promise<T>,
  ): Promise<T> {
    return lock.shared(async () => {
      const { root, path } = parsePath(artifact)
      const stallMs = options.timeoutMs ?? p2pLimits.artifactTimeoutMs
      const stall = createStallTimer(stallMs, options.signal)
      const fetching = startFetching(options.providers)
      const sizeBytesMax = options.sizeBytesMax ?? limits.artifactBytesMax
      const one = { root, path, stall, fetching, sizeBytesMax }
      try {
        const result = await work(one)
        if (options.owner !== undefined) await pins.add(root.toString(), options.owner)
        return result
      } catch (error) {
        throw artifactError(error, artifact, options.signal)
      } finally {
        stall.end()
      }
    })
  }

  async function getFile(artifact: string, toPath: string, options: GetOptions = {}) {
    if (await exists(toPath)) throw new AppError({ code: 'FILE_EXISTS', path: toPath })
    return reading(artifact, options, (one) => readToFile(files, one, toPath))
  }

  return {
    get: (artifact, options = {}) => reading(artifact, options, (one) => readBytes(files, one)),
    getFile,
    list: (artifact, options = {}) => reading(artifact, options, (one) => listEntries(files, one)),
  }
}

async function readBytes(files: UnixFS, one: Reading): Promise<Uint8Array> {
  const { cid, sizeBytes } = await sizeOf(files, one)
  const bytes = new Uint8Array(sizeBytes)
  let filled = 0
  for await (const chunk of readChunks(files, cid, { ...one, sizeBytes })) {
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  return bytes
}

async function readToFile(files: UnixFS, one: Reading, toPath: string): Promise<void> {
  const { cid, sizeBytes } = await sizeOf(files, one)
  const partPath = `${toPath}.part`
  await mkdir(dirname(toPath), { recursive: true })
  const file = await open(partPath, 'w')
  try {
    for await (const chunk of readChunks(files, cid, { ...one, sizeBytes })) {
      await file.writeFile(chunk)
    }
    await file.close()
    await rename(partPath, toPath)
  } catch (error) {
    await file.close()
    await rm(partPath, { force: true })
    throw error
  }
}

/** Size first, from the root block: nothing is allocated for an artifact that is too large. */
async function sizeOf(files: UnixFS, one: Reading): Promise<{ cid: CID; sizeBytes: number }> {
  const { root, path, stall, fetching, sizeBytesMax } = one
  const found = await files.stat(root, withFetching({ path, signal: stall.signal }, fetching))
  if (found.type === 'directory')
    throw new AppError({ code: 'ARTIFACT_INVALID', reason: 'directory' })
  if (found.size > BigInt(sizeBytesMax)) {
    const sizeBytes = found.size.toString()
    throw new AppError({ code: 'ARTIFACT_TOO_LARGE', sizeBytes, sizeBytesMax })
  }
  return { cid: found.cid, sizeBytes: Number(found.size) }
}

async function* readChunks(
  files: UnixFS,
  cid: CID,
  one: Reading & { sizeBytes: number },
): AsyncGenerator<Uint8Array> {
  const { stall, fetching, sizeBytes } = one
  for (let offset = 0; offset < sizeBytes; offset += windowBytes) {
    const length = Math.min(windowBytes, sizeBytes - offset)
    const extra = { fetching, blockReadConcurrency: blocksAtOnce }
    for await (const chunk of files.cat(cid, { offset, length, signal: stall.signal, ...extra })) {
      stall.progress()
      yield chunk
    }
  }
}

async function listEntries(files: UnixFS, one: Reading): Promise<ArtifactEntry[]> {
  const { root, path, stall, fetching } = one
  const entries: ArtifactEntry[] = []
  const options = withFetching({ path, signal: stall.signal }, fetching)
  for await (const entry of files.ls(root, options)) {
    stall.progress()
    if (entries.length >= entriesMax) throw new AppError({ code: 'ARTIFACT_TOO_LARGE', entriesMax })
    const { size } = await files.stat(entry.cid, withFetching({ signal: stall.signal }, fetching))
    entries.push({ name: entry.name, cid: entry.cid.toString(), sizeBytes: Number(size) })
  }
  return entries
}

function parsePath(artifact: string): { root: CID; path: string | undefined } {
  const [root = '', ...rest] = artifact.split('/')
  return { root: parseCid(root), path: rest.length > 0 ? rest.join('/') : undefined }
}

/** A CIDv1 of a block with SHA-256. Throws CID_INVALID. */
export function parseCid(text: string): CID {
  try {
    const cid = CID.parse(text)
    if (cid.version !== 1 || cid.multihash.code !== 0x12) throw new RangeError('version or hash')
    return cid
  } catch (error) {
    throw new AppError({ code: 'CID_INVALID', cid: text }, { cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Helia hands the options of a read down to the broker of each block, ours with them. */
function withFetching<T extends object>(
  options: T,
  fetching: Fetching,
): T & { fetching: Fetching } {
  return { ...options, fetching }
}
