import { mkdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { AppError } from '#base/error.ts'
import type { KeyValueStore, Range, Write, WriteOptions } from './kv.ts'

export interface LevelOptions {
  readonly cacheBytes?: number
}

/**
 * Opens a LevelDB store in a directory of its own. Its lock is the operating system's: it goes with the
 * process, however that ends. Throws STORE_LOCKED where another node holds it, STORE_FAILED otherwise. Its
 * `batch` throws DISK_FULL where there is no room, STORE_FAILED otherwise.
 */
export async function openLevelStore(
  directory: string,
  options: LevelOptions = {},
): Promise<KeyValueStore> {
  await mkdir(directory, { recursive: true })
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: options.cacheBytes ?? 64 * 1024 * 1024,
    writeBufferSize: 16 * 1024 * 1024,
  })
  try {
    await level.open()
  } catch (error) {
    throw openError(directory, error)
  }

  async function batch(writes: readonly Write[], { sync = false }: WriteOptions = {}) {
    const operations = writes.map(({ key, value }) =>
      value === undefined ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    )
    try {
      await level.batch(operations, { sync })
    } catch (error) {
      throw writeError(directory, error)
    }
  }

  async function* entries({ gte, lt, reverse = false, limit = -1 }: Range) {
    for await (const [key, value] of level.iterator({ gte, lt, reverse, limit })) {
      yield [plain(key), plain(value)] as const
    }
  }

  function get(key: Uint8Array): Uint8Array | undefined {
    const value = level.getSync(key)
    return value === undefined ? undefined : plain(value)
  }

  return { get, batch, entries, close: () => level.close() }
}

/** The same bytes without Buffer's own methods: its `slice` shares what ours copies. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function openError(directory: string, error: unknown): AppError {
  const cause = (error as { cause?: { code?: string } }).cause
  const code = cause?.code === 'LEVEL_LOCKED' ? 'STORE_LOCKED' : 'STORE_FAILED'
  return new AppError({ code, directory }, { cause: error })
}

/** What LevelDB says, in the words of the operating system, where nothing more can be written. */
const fullTexts = ['No space left on device', 'File too large', 'Disk quota exceeded']

function writeError(directory: string, error: unknown): AppError {
  const { cause = error } = error as { cause?: unknown }
  if (!fullTexts.some((text) => String(cause).includes(text) || String(error).includes(text))) {
    return new AppError({ code: 'STORE_FAILED', directory }, { cause: error })
  }
  const message = `no room to write in ${directory}; make room and start again, nothing is lost`
  return new AppError({ code: 'DISK_FULL', directory, message }, { cause: error })
}
