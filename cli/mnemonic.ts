import { mnemonicToAccount } from 'viem/accounts'
import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { devChainId } from '#wire/addresses.ts'

/** The mnemonic that every Ethereum test tool knows: its accounts belong to everybody. */
const publicMnemonic = 'test test test test test test test test test test test junk'

export interface KeyPair {
  readonly address: Hex
  readonly privateKey: Uint8Array
}

/** Account m/44'/60'/0'/0/`index` of a mnemonic. Throws MNEMONIC_INVALID. */
export function accountOfMnemonic(mnemonic: string, index: number): KeyPair {
  try {
    const account = mnemonicToAccount(mnemonic, { addressIndex: index })
    const { privateKey } = account.getHdKey()
    if (!(privateKey instanceof Uint8Array)) throw new TypeError('no private key')
    return { address: toHex(Buffer.from(account.address.slice(2), 'hex')), privateKey }
  } catch (error) {
    throw new AppError({ code: 'MNEMONIC_INVALID', index }, { cause: error })
  }
}

/** Development account `index`. Throws DEV_ACCOUNT_REFUSED on every chain but the development chain. */
export function devAccount(index: number, chainId: number): KeyPair {
  if (chainId !== devChainId) throw new AppError({ code: 'DEV_ACCOUNT_REFUSED', chainId })
  return accountOfMnemonic(publicMnemonic, index)
}
