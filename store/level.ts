import { mkdir, realpath } from 'node:fs/promises'
import { ClassicLevel, type Snapshot } from 'classic-level'
import { AppError } from '#base/error.ts'
import type { KeyValueStore, Range, Write, WriteOptions } from './kv.ts'

export interface LevelOptions {
  readonly cacheBytes?: number
}

/** A store that another thread of this process has open, as it was at the last `refresh`. */
export interface LevelReader extends KeyValueStore {
  /** Sees from now on what is in the store now. */
  refresh(): void
}

type Level = ClassicLevel<Uint8Array, Uint8Array>

const cacheBytesDefault = 64 * 1024 * 1024

/** Directories that this process has open: LevelDB's own lock keeps out other processes alone. */
const held = new Set<string>()

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
  const place = await realpath(directory)
  if (held.has(place)) throw new AppError({ code: 'STORE_LOCKED', directory })
  held.add(place)
  const level = createLevel(directory, options)
  try {
    await level.open()
  } catch (error) {
    held.delete(place)
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

  async function close(): Promise<void> {
    await level.close()
    held.delete(place)
  }

  return { ...readsOf(level, () => undefined), batch, close }
}

/**
 * Opens for reading what `openLevelStore` holds open in another thread of this process. Each read is of one
 * moment, that of the last `refresh`, whatever the other thread writes. Throws STORE_FAILED; its `batch` throws
 * STORE_READ_ONLY.
 */
export async function openLevelReader(directory: string): Promise<LevelReader> {
  const level = createLevel(directory)
  try {
    await level.open({ createIfMissing: false })
  } catch (error) {
    throw openError(directory, error)
  }
  let moment = createMoment(level)

  async function close(): Promise<void> {
    await moment.leave()
    await level.close()
  }

  return {
    ...readsOf(level, () => moment),
    batch: () => Promise.reject(new AppError({ code: 'STORE_READ_ONLY', directory })),
    refresh() {
      void moment.leave()
      moment = createMoment(level)
    },
    close,
  }
}

/** A snapshot that is kept for as long as a pass over it is under way. */
interface Moment {
  readonly snapshot: Snapshot
  enter(): void
  /** Called once by each that entered, and once by its owner. */
  leave(): Promise<void>
}

function createMoment(level: Level): Moment {
  const snapshot = level.snapshot()
  let users = 1
  return {
    snapshot,
    enter: () => void (users += 1),
    async leave() {
      users -= 1
      if (users === 0) await snapshot.close()
    },
  }
}

function createLevel(
  directory: string,
  { cacheBytes = cacheBytesDefault }: LevelOptions = {},
): Level {
  return new ClassicLevel(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: cacheBytes,
    writeBufferSize: 16 * 1024 * 1024,
    multithreading: true,
  })
}

function readsOf(
  level: Level,
  momentNow: () => Moment | undefined,
): Pick<KeyValueStore, 'get' | 'entries'> {
  async function* entries({ gte, lt, reverse = false, limit = -1 }: Range) {
    const moment = momentNow()
    moment?.enter()
    try {
      const range = { gte, lt, reverse, limit, ...optionsOf(moment) }
      for await (const [key, value] of level.iterator(range)) {
        yield [plain(key), plain(value)] as const
      }
    } finally {
      await moment?.leave()
    }
  }

  function get(key: Uint8Array): Uint8Array | undefined {
    const value = level.getSync(key, optionsOf(momentNow()))
    return value === undefined ? undefined : plain(value)
  }

  return { get, entries }
}

function optionsOf(moment: Moment | undefined) {
  return moment === undefined ? {} : { snapshot: moment.snapshot }
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
