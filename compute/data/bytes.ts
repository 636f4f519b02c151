import { open, type FileHandle } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { bounds } from './bounds.ts'
import { inputError } from './fault.ts'
import { fileError } from './lines.ts'

/**
 * A whole binary file, unpacked where it is gzip. Throws FILE_UNREADABLE, FILE_TOO_LARGE or FILE_DAMAGED; neither the
 * file nor what it unpacks to is held beyond `sizeBytesMax`.
 */
export async function readBytes(
  file: string,
  sizeBytesMax: number = bounds.fileBytesMax,
): Promise<Buffer> {
  try {
    const bytes = await readBounded(file, sizeBytesMax)
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    return isGzip ? gunzipSync(bytes, { maxOutputLength: sizeBytesMax }) : bytes
  } catch (error) {
    throw fileError(file, error)
  }
}

/** A whole binary file as it is, even where it looks like gzip. Throws FILE_UNREADABLE or FILE_TOO_LARGE. */
export async function readPlainBytes(file: string, sizeBytesMax: number): Promise<Buffer> {
  try {
    return await readBounded(file, sizeBytesMax)
  } catch (error) {
    throw fileError(file, error)
  }
}

/** The first bytes of a file, as they are. Throws FILE_UNREADABLE. */
export async function readStart(file: string, length: number): Promise<Buffer> {
  try {
    const handle = await open(file)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw fileError(file, error)
  }
}

/** As many bytes as the file had when it was measured: one that grows, or is a device, is not followed. */
async function readWhole(handle: FileHandle, sizeBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes)
  let at = 0
  while (at < sizeBytes) {
    const { bytesRead } = await handle.read(bytes, at, sizeBytes - at, at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}

async function readBounded(file: string, sizeBytesMax: number): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    if (size > sizeBytesMax) {
      throw inputError(
        'FILE_TOO_LARGE',
        { file, sizeBytes: size, sizeBytesMax },
        `${size} bytes are too many`,
      )
    }
    return await readWhole(handle, size)
  } finally {
    await handle.close()
  }
}
