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

  function entries({ gte, lt, reverse = false, limit = -1 }: Range) {
    return level.iterator({ gte, lt, reverse, limit })
  }

  return { get: (key) => level.getSync(key), batch, entries, close: () => level.close() }
}

function openError(directory: string, error: unknown): AppError {
  const cause = (error as { cause?: { code?: string } }).cause
  const code = cause?.code === 'LEVEL_LOCKED' ? 'STORE_LOCKED' : 'STORE_FAILED'
  return new AppError({ code, directory }, { cause: error })
}
