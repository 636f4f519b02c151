import { mkdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { AppError } from '#base/error.ts'
import type { KeyValueStore, Range, Write, WriteOptions } from './kv.ts'

export interface LevelOptions {
  readonly cacheBytes?: number
}

/**
 * Opens a LevelDB store in a directory of its own. Its lock is the operating system's: it goes with the
 * process, however that ends. Throws STORE_LOCKED where another node holds it, STORE_FAILED otherwise.
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
      throw new AppError({ code: 'STORE_FAILED', directory }, { cause: error })
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
