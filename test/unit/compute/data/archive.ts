import { crc32, deflateRawSync } from 'node:zlib'

/** An NPY file of any header, sound or not. */
export function npy(header: string, raw: Uint8Array, version = 1): Buffer {
  const start = version === 1 ? [1, 0, 0, 0] : [version, 0, 0, 0, 0, 0]
  const bytes = Buffer.from([0x93, ...Buffer.from('NUMPY'), ...start])
  if (version === 1) bytes.writeUInt16LE(header.length, 8)
  else bytes.writeUInt32LE(header.length, 8)
  return Buffer.concat([bytes, Buffer.from(header, 'latin1'), raw])
}

export const npyHeader = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`

export type ZipEntry = {
  name: string
  bytes: Uint8Array
  method?: number
  claims?: number
  crc?: number
}

/** A ZIP archive whose entries may lie about themselves. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const { name, bytes, method = 8, claims = bytes.length, crc = crc32(bytes) } of entries) {
    const packed = method === 8 ? deflateRawSync(bytes) : Buffer.from(bytes)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(method, 10)
    entry.writeUInt32LE(crc, 16)
    entry.writeUInt32LE(packed.length, 20)
    entry.writeUInt32LE(claims, 24)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(at, 42)
    central.push(entry, Buffer.from(name))
    parts.push(local, Buffer.from(name), packed)
    at += local.length + name.length + packed.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, ...central, end])
}
