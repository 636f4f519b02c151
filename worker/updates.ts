import { bytesRoot } from '#base/crypto/merkle.ts'
import { AppError, codeOf } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import { decodeUpdate } from '#compute/train/state.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'

/** The bytes of updates: fetched, checked against their roots, kept as files while a round needs them. */
export interface Updates {
  /** The path of an update's file. Throws UPDATE_WRONG when the bytes are not those of the root, or no update. */
  fetch(round: number, update: ListedUpdate, signal: AbortSignal): Promise<string>
  /** Publishes a file of the own parameters and pins it; answers its CID. */
  publish(path: string): Promise<string>
  /** Removes the files of a round; the artifacts stay pinned. */
  drop(round: number): Promise<void>
}

export interface UpdatesOptions {
  /** Directory of the files, below the job directory. */
  readonly folder: string
  readonly pinOwner: string
  /** Bytes of one update: four for each parameter. */
  readonly sizeBytes: number
  /** Peers that may have an update of this worker, the likeliest first. */
  readonly providersOf: (worker: Hex) => Promise<readonly string[]>
}

const fetchTimeoutMs = 120_000

/** Creates the updates of one attempt. */
export function createUpdates(
  deps: { readonly artifacts: Artifacts; readonly files: Files },
  options: UpdatesOptions,
): Updates {
  const { artifacts, files } = deps
  const fetching = new Map<string, Promise<string>>()

  async function fetch(round: number, update: ListedUpdate, signal: AbortSignal): Promise<string> {
    const name = `${roundFolder(round)}/${update.updateRoot.slice(2)}.bin`
    for (;;) {
      const known = fetching.get(name)
      if (!known) break
      try {
        return await known
      } catch {
        signal.throwIfAborted() // else only whoever began it has given up
        if (fetching.get(name) === known) fetching.delete(name)
      }
    }
    const fetched = fetchChecked(name, update, signal)
    fetching.set(name, fetched)
    return fetched
  }

  async function fetchChecked(
    name: string,
    { cid, updateRoot, worker }: ListedUpdate,
    signal: AbortSignal,
  ): Promise<string> {
    const path = files.path(name)
    if ((await files.size(name)) === undefined) {
      await files.make(name.slice(0, name.lastIndexOf('/')))
      await artifacts.getFile(cid, path, {
        owner: options.pinOwner,
        providers: await options.providersOf(worker),
        sizeBytesMax: options.sizeBytes,
        timeoutMs: fetchTimeoutMs,
        signal,
      })
    }
    const bytes = await files.read(name)
    const found = toHex(bytesRoot(bytes))
    if (found === updateRoot && isUpdate(bytes, options.sizeBytes)) return path
    await files.remove(name)
    throw new AppError({ code: 'UPDATE_WRONG', cid, expected: updateRoot, found })
  }

  async function drop(round: number): Promise<void> {
    const folder = roundFolder(round)
    for (const name of fetching.keys()) if (name.startsWith(`${folder}/`)) fetching.delete(name)
    await files.remove(folder)
  }

  function roundFolder(round: number): string {
    return `${options.folder}/updates-${round}`
  }

  return {
    fetch,
    publish: (path) => artifacts.addFile(path, { owner: options.pinOwner }),
    drop,
  }
}

/** Whether the bytes can be aggregated: as many parameters as the model has, none of them out of range. */
function isUpdate(bytes: Uint8Array, sizeBytes: number): boolean {
  try {
    return decodeUpdate(bytes).byteLength === sizeBytes
  } catch (error) {
    if (codeOf(error) === 'STATE_INVALID') return false
    throw error
  }
}

/** Whether a list holds an update of this worker. */
export function ownIn(list: readonly ListedUpdate[], self: Hex): ListedUpdate | undefined {
  return list.find(({ worker }) => worker === self)
}
