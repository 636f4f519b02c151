import { createCipheriv, createDecipheriv, scrypt, timingSafeEqual } from 'node:crypto'
import { assert } from '../assert.ts'
import { concatBytes } from '../bytes.ts'
import { AppError } from '../error.ts'
import { fromHex, toHex } from '../hex.ts'
import { addressOf, isPrivateKey, keccak256 } from './keys.ts'

/** A Web3 Secret Storage file, version 3, as Geth and others write it. */
export interface Keystore {
  readonly version: 3
  readonly id: string
  /** 20 bytes as hex without 0x. */
  readonly address: string
  readonly crypto: {
    readonly cipher: 'aes-128-ctr'
    readonly cipherparams: { readonly iv: string }
    readonly ciphertext: string
    readonly kdf: 'scrypt'
    readonly kdfparams: ScryptParams & { readonly dklen: 32; readonly salt: string }
    readonly mac: string
  }
}

interface ScryptParams {
  readonly n: number
  readonly r: number
  readonly p: number
}

/** What scrypt costs by default: 256 MiB, about a second. Tests and development accounts take less. */
export const scryptDefault: ScryptParams = { n: 262_144, r: 8, p: 1 }
/** For development chains only, whose keys are public anyway. */
export const scryptLight: ScryptParams = { n: 4096, r: 8, p: 1 }

const memoryBytesMax = 1_073_741_824

/** Encrypts a private key under a password. `random` must be 64 fresh random bytes. */
export async function encryptKey(
  privateKey: Uint8Array,
  password: string,
  options: { readonly random: Uint8Array; readonly scrypt?: ScryptParams },
): Promise<Keystore> {
  const { random } = options
  assert(random.length >= 64, '64 random bytes are given')
  const cost = options.scrypt ?? scryptDefault
  const [salt, iv, id] = [random.slice(0, 32), random.slice(32, 48), random.slice(48, 64)]
  const derived = await derive(password, salt, cost)
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  const ciphertext = concatBytes(cipher.update(privateKey), cipher.final())
  return {
    version: 3,
    id: uuidOf(id),
    address: addressOf(privateKey).slice(2),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: plainHex(iv) },
      ciphertext: plainHex(ciphertext),
      kdf: 'scrypt',
      kdfparams: { dklen: 32, ...cost, salt: plainHex(salt) },
      mac: plainHex(keccak256(concatBytes(derived.subarray(16, 32), ciphertext))),
    },
  }
}

/** Decrypts a keystore file's private key. Throws WRONG_PASSWORD or KEYSTORE_INVALID. */
export async function decryptKey(keystore: Keystore, password: string): Promise<Uint8Array> {
  const { crypto } = keystore
  const ciphertext = fromHex(crypto.ciphertext)
  const derived = await derive(password, fromHex(crypto.kdfparams.salt), crypto.kdfparams)
  const mac = keccak256(concatBytes(derived.subarray(16, 32), ciphertext))
  if (!timingSafeEqual(mac, fromHex(crypto.mac))) {
    const address = `0x${keystore.address}`
    const message = `this password does not open the account ${address}`
    throw new AppError({ code: 'WRONG_PASSWORD', address, message })
  }
  const decipher = createDecipheriv(
    'aes-128-ctr',
    derived.subarray(0, 16),
    fromHex(crypto.cipherparams.iv),
  )
  const privateKey = concatBytes(decipher.update(ciphertext), decipher.final())
  if (!isPrivateKey(privateKey) || addressOf(privateKey) !== `0x${keystore.address}`) {
    throw new AppError({ code: 'KEYSTORE_INVALID', reason: 'address' })
  }
  return privateKey
}

/** Reads a keystore file's JSON. Throws KEYSTORE_INVALID with the field that is wrong. */
export function parseKeystore(text: string): Keystore {
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch (error) {
    throw new AppError({ code: 'KEYSTORE_INVALID', reason: 'not JSON' }, { cause: error })
  }
  const crypto = fieldOf(root, 'crypto') ?? fieldOf(root, 'Crypto')
  const kdf = fieldOf(crypto, 'kdfparams')
  requireThat(fieldOf(root, 'version') === 3, 'version')
  requireThat(fieldOf(crypto, 'cipher') === 'aes-128-ctr', 'cipher')
  requireThat(fieldOf(crypto, 'kdf') === 'scrypt', 'kdf')
  requireThat(fieldOf(kdf, 'dklen') === 32, 'dklen')
  return {
    version: 3,
    id: textOf(fieldOf(root, 'id')),
    address: hexField(root, 'address', 20),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: hexField(fieldOf(crypto, 'cipherparams'), 'iv', 16) },
      ciphertext: hexField(crypto, 'ciphertext', 32),
      kdf: 'scrypt',
      kdfparams: { dklen: 32, ...costOf(kdf), salt: hexField(kdf, 'salt', 32) },
      mac: hexField(crypto, 'mac', 32),
    },
  }
}

function costOf(kdf: unknown): ScryptParams {
  const [n, r, p] = [fieldOf(kdf, 'n'), fieldOf(kdf, 'r'), fieldOf(kdf, 'p')].map(Number)
  requireThat(isWithin(n, 1 << 20) && n > 1 && Math.log2(n) % 1 === 0, 'n')
  requireThat(isWithin(r, 32) && isWithin(p, 16) && 128 * n * r <= memoryBytesMax, 'r or p')
  requireThat(Math.log2(n) < 16 * r, 'n') // RFC 7914, section 2
  return { n, r, p }
}

function isWithin(value: number | undefined, max: number): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 1 && value <= max
}

function hexField(from: unknown, name: string, bytes: number): string {
  const plain = textOf(fieldOf(from, name)).toLowerCase().replace(/^0x/, '')
  requireThat(new RegExp(`^[0-9a-f]{${bytes * 2}}$`).test(plain), name)
  return plain
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function fieldOf(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null
    ? (from as Record<string, unknown>)[name]
    : undefined
}

function requireThat(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new AppError({ code: 'KEYSTORE_INVALID', reason })
}

function derive(password: string, salt: Uint8Array, cost: ScryptParams): Promise<Uint8Array> {
  const { n, r, p } = cost
  const options = { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + 33_554_432 }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, 32, options, (error, derived) =>
      error === null ? resolve(derived) : reject(error),
    )
  })
}

function uuidOf(bytes: Uint8Array): string {
  const own = new Uint8Array(bytes)
  own[6] = ((own[6] as number) & 0x0f) | 0x40
  own[8] = ((own[8] as number) & 0x3f) | 0x80
  return plainHex(own).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function plainHex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}
