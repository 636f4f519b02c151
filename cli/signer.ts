import type { LocalAccount } from 'viem'
import { toHex } from '#base/hex.ts'
import { AppError } from '#base/error.ts'
import { findAccount, loadAccount } from './accounts.ts'
import { readPassword } from './password.ts'

export interface SignerOptions {
  /** A keystore account's name or address, or `dev:<index>` on the development chain. */
  readonly account: string
  readonly dataDir: string
  readonly chainId: number
  readonly passwordFile: string
}

const developmentPattern = /^dev:([0-9]{1,3})$/

/** The account that signs. Throws ACCOUNT_MISSING, WRONG_PASSWORD, DEV_ACCOUNT_REFUSED. */
export async function openSigner(options: SignerOptions): Promise<LocalAccount> {
  const { privateKeyToAccount } = await import('viem/accounts')
  return privateKeyToAccount(toHex(await openKey(options)))
}

/** The private key behind an account, with the errors of `openSigner`. */
export async function openKey(options: SignerOptions): Promise<Uint8Array> {
  const { account, dataDir, chainId, passwordFile } = options
  const index = developmentPattern.exec(account)?.[1]
  if (index !== undefined) {
    const { devAccount } = await import('./mnemonic.ts')
    return devAccount(Number(index), chainId).privateKey
  }
  const { name } = findAccount(dataDir, account)
  const password = await readPassword({ passwordFile })
  return loadAccount(dataDir, { name, password })
}

/** The account a client uses unless told otherwise: `default` of the keystore, else the development client. */
export function clientAccountOf(
  given: string | undefined,
  place: { dataDir: string; isDevelopment: boolean; developmentIndex: number },
): string {
  if (given !== undefined) return given
  try {
    return findAccount(place.dataDir, 'default').name
  } catch (error) {
    if (place.isDevelopment) return `dev:${place.developmentIndex}`
    const message = 'make an account with "quern wallet new", or name one with --account'
    throw new AppError({ code: 'ACCOUNT_MISSING', name: 'default', message }, { cause: error })
  }
}
