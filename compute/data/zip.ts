import { crc32, inflateRawSync } from 'node:zlib'
import { bounds } from './bounds.ts'
import { inputError } from './fault.ts'

type Entry = {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly packedBytes: number
  readonly sizeBytes: number
  readonly at: number
}

const endBytes = 22
const centralBytes = 46
const localBytes = 30
const commentBytesMax = 65_535

/** Whether bytes begin as a ZIP archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5)
}

/**
 * The files of a ZIP archive whose names `wants` accepts, stored or deflated. What it claims to unpack to is bounded
 * before anything is unpacked, and nothing unpacks to more than it claims. Throws ZIP_INVALID, ZIP_UNSUPPORTED
 * or FILE_TOO_LARGE.
 */
export function unzip(
  bytes: Uint8Array,
  file: string,
  options: { readonly wants: (name: string) => boolean; readonly sizeBytesMax?: number },
): Map<string, Uint8Array> {
  const { wants, sizeBytesMax = bounds.fileBytesMax } = options
  const entries = listEntries(bytes, file).filter((entry) => wants(entry.name))
  checkNames(entries, { file, byte: bytes.length })
  const totalBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0)
  if (totalBytes > sizeBytesMax) {
    throw inputError(
      'FILE_TOO_LARGE',
      { file, sizeBytes: totalBytes, sizeBytesMax },
      `it unpacks to ${totalBytes} bytes`,
    )
  }
  return new Map(entries.map((entry) => [entry.name, extract(bytes, entry, file)]))
}

function checkNames(entries: readonly Entry[], { file, byte }: { file: string; byte: number }) {
  const names = new Set<string>()
  for (const { name } of entries) {
    if (names.has(name)) throw fault(file, byte, `${name} is in it twice`)
    names.add(name)
  }
}

function fault(file: string, byte: number, text: string) {
  return inputError('ZIP_INVALID', { file, byte }, text)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function listEntries(bytes: Uint8Array, file: string): Entry[] {
  const view = viewOf(bytes)
  const endAt = findEnd(view)
  if (endAt === undefined)
    throw fault(file, bytes.length, 'it has no table of contents: is it whole?')
  const count = view.getUint16(endAt + 10, true)
  if (count > bounds.archiveEntriesMax) throw fault(file, endAt, `${count} entries are too many`)
  const entries: Entry[] = []
  let at = view.getUint32(endAt + 16, true)
  for (let i = 0; i < count; i++) {
    if (at + centralBytes > endAt || view.getUint32(at, true) !== 0x02014b50) {
      throw fault(file, at, `entry ${i} of its table of contents is broken`)
    }
    const nameBytes = view.getUint16(at + 28, true)
    const nextAt =
      at + centralBytes + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    if (nextAt > endAt) throw fault(file, at, `entry ${i} of its table of contents is broken`)
    const name = Buffer.from(
      bytes.subarray(at + centralBytes, at + centralBytes + nameBytes),
    ).toString()
    const flags = view.getUint16(at + 8, true)
    const entry: Entry = {
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      sizeBytes: view.getUint32(at + 24, true),
      at: view.getUint32(at + 42, true),
    }
    const isLarge = [entry.packedBytes, entry.sizeBytes, entry.at].includes(0xffff_ffff)
    if (isLarge || (flags & 1) !== 0 || ![0, 8].includes(entry.method)) {
      const text = `${name} is encrypted, beyond 4 GiB or packed in an unusual way`
      throw inputError('ZIP_UNSUPPORTED', { file, byte: at, entry: name }, text)
    }
    entries.push(entry)
    at = nextAt
  }
  return entries
}

function findEnd(view: DataView): number | undefined {
  const lowest = Math.max(0, view.byteLength - endBytes - commentBytesMax)
  for (let at = view.byteLength - endBytes; at >= lowest; at--) {
    if (view.getUint32(at, true) === 0x06054b50) return at
  }
  return undefined
}

function extract(bytes: Uint8Array, entry: Entry, file: string): Uint8Array {
  const { at, packedBytes, sizeBytes, name } = entry
  const view = viewOf(bytes)
  if (at + localBytes > bytes.length || view.getUint32(at, true) !== 0x04034b50) {
    throw fault(file, at, `${name} does not begin where the table of contents says`)
  }
  const start = at + localBytes + view.getUint16(at + 26, true) + view.getUint16(at + 28, true)
  if (start + packedBytes > bytes.length) throw fault(file, start, `${name} is cut off`)
  const packed = bytes.subarray(start, start + packedBytes)
  const unpacked = entry.method === 0 ? packed : inflate(packed, { file, start, name, sizeBytes })
  if (unpacked.length !== sizeBytes) throw fault(file, start, `${name} is not as long as it claims`)
  if (crc32(unpacked) !== entry.crc) throw fault(file, start, `${name} is damaged (checksum)`)
  return unpacked
}

function inflate(
  packed: Uint8Array,
  entry: { file: string; start: number; name: string; sizeBytes: number },
): Uint8Array {
  const { file, start, name, sizeBytes } = entry
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, sizeBytes) })
  } catch {
    throw fault(file, start, `${name} is damaged or longer than it claims`)
  }
}
