import { createReadStream, type ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { limits } from '#wire/limits.ts'
import { bounds } from './bounds.ts'
import { inputError } from './fault.ts'

/** One line of a text file without its end; `number` counts from 1. */
export type Line = { readonly text: string; readonly number: number }

export type LineOptions = { readonly lineBytesMax?: number; readonly signal?: AbortSignal }

const newline = 0x0a
const chunkBytes = 65_536

/**
 * The lines of a UTF-8 file (plain or gzip), a chunk's worth at a time. Ends of lines are LF or CRLF; a BOM is skipped.
 * Never holds more than one line and one chunk. Throws FILE_UNREADABLE, FILE_TOO_LARGE, FILE_DAMAGED,
 * LINE_TOO_LONG or TEXT_NOT_UTF8.
 */
export async function* readLines(
  file: string,
  options: LineOptions = {},
): AsyncGenerator<readonly Line[]> {
  const cutter = createCutter(file, options.lineBytesMax ?? limits.lineBytesMax)
  let sizeBytes = 0
  for await (const chunk of openBytes(file)) {
    options.signal?.throwIfAborted()
    sizeBytes += chunk.length
    if (sizeBytes > bounds.textBytesMax) {
      throw inputError('FILE_TOO_LARGE', { file }, `more than ${bounds.textBytesMax} bytes`)
    }
    const lines = cutter.push(chunk)
    if (lines.length > 0) yield lines
  }
  const last = cutter.end()
  if (last.length > 0) yield last
}

async function* openBytes(file: string): AsyncGenerator<Buffer> {
  try {
    const isZipped = await isGzip(file)
    const raw = createReadStream(file, { highWaterMark: chunkBytes })
    const stream = isZipped ? unzip(raw) : raw
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw fileError(file, error)
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}

/** Errors of the source surface on the unzipped stream. */
function unzip(raw: ReadStream) {
  return pipeline(raw, createGunzip({ chunkSize: chunkBytes }), () => undefined)
}

/** The reason a file could not be read, as an input error. */
export function fileError(file: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (typeof code !== 'string') return error
  if (code.startsWith('Z_')) return inputError('FILE_DAMAGED', { file }, `not whole gzip (${code})`)
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return inputError('FILE_TOO_LARGE', { file }, 'it unpacks to more bytes than allowed')
  }
  if (!/^E[A-Z]+$/.test(code)) return error
  return inputError('FILE_UNREADABLE', { file, reason: code }, `cannot be read (${code})`)
}

function createCutter(file: string, lineBytesMax: number) {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 0

  function decode(bytes: Buffer): Line {
    number += 1
    let line = bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes
    if (number === 1 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) {
      line = line.subarray(3)
    }
    try {
      return { text: decoder.decode(line), number }
    } catch {
      throw inputError('TEXT_NOT_UTF8', { file, line: number }, 'the line is not UTF-8 text')
    }
  }

  function hold(bytes: Buffer) {
    heldBytes += bytes.length
    if (heldBytes > lineBytesMax) {
      throw inputError(
        'LINE_TOO_LONG',
        { file, line: number + 1, sizeBytesMax: lineBytesMax },
        `the line has more than ${lineBytesMax} bytes`,
      )
    }
    if (bytes.length > 0) held.push(bytes)
  }

  function take(): Line {
    const bytes = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
    held = []
    heldBytes = 0
    return decode(bytes)
  }

  return {
    push(chunk: Buffer): Line[] {
      const lines: Line[] = []
      let from = 0
      for (let to = chunk.indexOf(newline); to >= 0; to = chunk.indexOf(newline, from)) {
        hold(chunk.subarray(from, to))
        lines.push(take())
        from = to + 1
      }
      hold(chunk.subarray(from))
      return lines
    },
    end: (): Line[] => (heldBytes > 0 ? [take()] : []),
  }
}
