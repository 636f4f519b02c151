import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { concatBytes, u32be } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { limits } from '#wire/limits.ts'
import { decodeEnvelope, type Envelope } from './envelope.ts'
import { p2pLimits } from './limits.ts'

/** What the peers of one job said, in memory and in an append-only file. */
export interface JobLog {
  /** Keeps an entry. `added` once it is written; `full` when its author or the job has no room left. */
  add(entry: Envelope): Promise<'added' | 'known' | 'full'>
  has(author: string, sequence: number): boolean
  /** In the order in which they were added. */
  entries(): readonly Envelope[]
  /** For each author the lowest sequence that is missing here. */
  missing(): Record<string, number>
  /** What someone with these lowest missing sequences may lack, each author's entries in order. */
  since(missing: Readonly<Record<string, number>>): Envelope[]
  close(): Promise<void>
}

interface Author {
  readonly bySequence: Map<number, Envelope>
  sizeBytes: number
  /** The lowest sequence not held. */
  missing: number
}

const headerBytes = 8

/**
 * Opens a job's log. The file is a row of records: length u32 | CRC-32 u32 | envelope. Each entry is one
 * write, so that a killed process leaves at most one torn record, which is cut off here.
 */
export async function openJobLog(path: string): Promise<JobLog> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'a+')
  const stored = await readRecords(file)
  const authors = new Map<string, Author>()
  const entries: Envelope[] = []
  for (const entry of stored) remember(entry)
  let writing: Promise<unknown> = Promise.resolve()
  let isClosed = false

  function remember(entry: Envelope): void {
    const author = authors.get(entry.author) ?? { bySequence: new Map(), sizeBytes: 0, missing: 0 }
    authors.set(entry.author, author)
    author.bySequence.set(entry.sequence, entry)
    author.sizeBytes += entry.bytes.length
    while (author.bySequence.has(author.missing)) author.missing += 1
    entries.push(entry)
  }

  function hasRoom(entry: Envelope): boolean {
    const author = authors.get(entry.author)
    return (
      entry.sequence < p2pLimits.jobLogEntriesPerAuthorMax &&
      entries.length < limits.jobLogEntriesMax &&
      (author !== undefined || authors.size < p2pLimits.jobLogAuthorsMax) &&
      (author?.sizeBytes ?? 0) + entry.bytes.length <= p2pLimits.jobLogBytesPerAuthorMax
    )
  }

  async function add(entry: Envelope): Promise<'added' | 'known' | 'full'> {
    if (has(entry.author, entry.sequence)) return 'known'
    if (isClosed || !hasRoom(entry)) return 'full'
    const kept = { ...entry, bytes: entry.bytes.slice() }
    remember({ ...kept, body: decodeEnvelope(kept.bytes).body })
    const record = concatBytes(u32be(kept.bytes.length), u32be(crc32(kept.bytes)), kept.bytes)
    writing = writing.then(() => file.appendFile(record))
    await writing
    return 'added'
  }

  function has(author: string, sequence: number): boolean {
    return authors.get(author)?.bySequence.has(sequence) ?? false
  }

  function missing(): Record<string, number> {
    return Object.fromEntries([...authors].map(([name, author]) => [name, author.missing]))
  }

  function since(theirs: Readonly<Record<string, number>>): Envelope[] {
    return [...authors].flatMap(([name, author]) =>
      [...author.bySequence.values()]
        .filter((entry) => entry.sequence >= (theirs[name] ?? 0))
        .toSorted((a, b) => a.sequence - b.sequence),
    )
  }

  async function close(): Promise<void> {
    if (isClosed) return
    isClosed = true
    await writing.catch(() => undefined) // whoever added the entry has heard of it
    await file.close()
  }

  return { add, has, entries: () => entries, missing, since, close }
}

async function readRecords(file: FileHandle): Promise<Envelope[]> {
  const { size } = await file.stat()
  const sizeBytesMax = p2pLimits.jobLogBytesPerAuthorMax * p2pLimits.jobLogAuthorsMax
  if (size > sizeBytesMax) throw new AppError({ code: 'JOB_LOG_FULL', sizeBytes: size })
  const stored = await file.readFile()
  const found: Envelope[] = []
  let offset = 0
  for (;;) {
    const entry = readRecord(stored, offset)
    if (entry === undefined) break
    found.push(entry)
    offset += headerBytes + entry.bytes.length
  }
  if (offset < stored.length) await file.truncate(offset)
  return found
}

function readRecord(stored: Buffer, offset: number): Envelope | undefined {
  if (offset + headerBytes > stored.length) return undefined
  const end = offset + headerBytes + stored.readUInt32BE(offset)
  if (end > stored.length) return undefined
  const bytes = stored.subarray(offset + headerBytes, end)
  if (crc32(bytes) !== stored.readUInt32BE(offset + 4)) return undefined
  return decodeEnvelope(new Uint8Array(bytes))
}
