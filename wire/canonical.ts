import { AppError } from '#base/error.ts'
import { limits } from './limits.ts'

/** What canonical JSON can hold. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const encoder = new TextEncoder()

/**
 * The canonical bytes of a JSON value: keys sorted by code unit, no whitespace, UTF-8, as in RFC 8785
 * for the numbers we use. Throws NOT_CANONICAL on anything JSON cannot hold exactly.
 */
export function canonicalBytes(value: unknown): Uint8Array {
  return encoder.encode(canonicalText(value))
}

/** Like `canonicalBytes`, as text. */
export function canonicalText(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new AppError({ code: 'NOT_CANONICAL', value: String(value) })
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalText(field)}`).join(',')}}`
  }
  throw new AppError({ code: 'NOT_CANONICAL', value: typeof value })
}

/** Parses JSON bytes of at most `sizeBytesMax`. Throws JSON_TOO_LARGE or JSON_INVALID. */
export function parseJson(bytes: Uint8Array, sizeBytesMax: number = limits.jsonBytesMax): unknown {
  if (bytes.length > sizeBytesMax) {
    throw new AppError({ code: 'JSON_TOO_LARGE', sizeBytes: bytes.length, sizeBytesMax })
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new AppError({ code: 'JSON_INVALID' }, { cause: error })
  }
}
