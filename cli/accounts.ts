import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Keystore, decryptKey, encryptKey, parseKeystore } from '#base/crypto/keystore.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import { writeFileAtomic } from './data-dir.ts'
import { randomBytes } from './real-chance.ts'

/** An account of the data directory's `keystore/`: one file, named after the account. */
export interface Account {
  readonly name: string
  readonly address: Hex
  readonly path: string
}

const folder = 'keystore'
const namePattern = /^[a-z0-9][a-z0-9-]{0,63}$/

/** The accounts of a data directory, by name. Throws KEYSTORE_INVALID on a file that is none. */
export function listAccounts(dataDir: string): readonly Account[] {
  const path = join(dataDir, folder)
  if (!existsSync(path)) return []
  const names = readdirSync(path).filter((file) => file.endsWith('.json'))
  return names.toSorted().map((file) => accountOf(dataDir, file.slice(0, -'.json'.length)))
}

/** Keeps a private key under a password. Throws ACCOUNT_EXISTS, ACCOUNT_NAME_INVALID. */
export async function saveAccount(
  dataDir: string,
  account: { readonly name: string; readonly privateKey: Uint8Array; readonly password: string },
  options: { readonly scrypt?: Parameters<typeof encryptKey>[2]['scrypt'] } = {},
): Promise<Account> {
  const path = pathOf(dataDir, account.name)
  if (existsSync(path)) throw new AppError({ code: 'ACCOUNT_EXISTS', name: account.name, path })
  const { scrypt } = options
  const random = randomBytes(64)
  const keystore = await encryptKey(account.privateKey, account.password, { random, scrypt })
  mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 })
  writeFileAtomic(path, `${JSON.stringify(keystore, undefined, 2)}\n`)
  return { name: account.name, address: `0x${keystore.address}`, path }
}

/** The private key of an account. Throws ACCOUNT_MISSING, KEYSTORE_INVALID or WRONG_PASSWORD. */
export async function loadAccount(
  dataDir: string,
  account: { readonly name: string; readonly password: string },
): Promise<Uint8Array> {
  return decryptKey(keystoreAt(pathOf(dataDir, account.name), account.name), account.password)
}

/** The account with this name or address. Throws ACCOUNT_MISSING. */
export function findAccount(dataDir: string, nameOrAddress: string): Account {
  const sought = nameOrAddress.toLowerCase()
  const found = listAccounts(dataDir).find(
    (account) => account.name === sought || account.address === sought,
  )
  if (found !== undefined) return found
  const message = `there is no account "${nameOrAddress}" in ${join(dataDir, folder)}; "quern wallet new" makes one`
  throw new AppError({ code: 'ACCOUNT_MISSING', name: nameOrAddress, message })
}

function accountOf(dataDir: string, name: string): Account {
  const path = pathOf(dataDir, name)
  return { name, address: `0x${keystoreAt(path, name).address}`, path }
}

function keystoreAt(path: string, name: string): Keystore {
  if (!existsSync(path)) throw new AppError({ code: 'ACCOUNT_MISSING', name, path })
  return parseKeystore(readFileSync(path, 'utf8'))
}

function pathOf(dataDir: string, name: string): string {
  if (!namePattern.test(name)) throw new AppError({ code: 'ACCOUNT_NAME_INVALID', name })
  return join(dataDir, folder, `${name}.json`)
}
