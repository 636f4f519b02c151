import { createHmac } from 'node:crypto'
import { utf8 } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { fromHex } from '#base/hex.ts'

/** The secret of a client's `jwtsecret` file: 32 bytes as hex, with or without 0x. Throws JWT_SECRET_INVALID. */
export function parseJwtSecret(text: string): Uint8Array {
  const digits = text.trim().replace(/^0x/, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(digits)) {
    throw new AppError({ code: 'JWT_SECRET_INVALID', message: 'expected 32 bytes as hex' })
  }
  return fromHex(digits)
}

/** A token of the Engine API (HS256, RFC 7519): the other side takes it within 60 s of `issuedAt`, unix seconds. */
export function signJwt(secret: Uint8Array, issuedAt: number): string {
  const head = encode({ alg: 'HS256', typ: 'JWT' })
  const body = `${head}.${encode({ iat: issuedAt })}`
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}

function encode(value: unknown): string {
  return Buffer.from(utf8(JSON.stringify(value))).toString('base64url')
}
