import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { AppError } from '#base/error.ts'
import { type ValidatorSet, createValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Genesis, GenesisValidator } from '#chain/core/genesis.ts'
import type { ValidatorKey } from './builder.ts'

/** The validator behind an account's private key: its BLS key follows from that by KeyGen. */
export function validatorKeyOf(privateKey: Uint8Array): ValidatorKey {
  return { address: addressOf(privateKey), blsSecret: blsSecretKey(privateKey) }
}

/** What a genesis says of a validator. */
export function founderOf(scheme: Scheme, { address, blsSecret }: ValidatorKey): GenesisValidator {
  const possession = scheme.provePossession(blsSecret)
  return { address, blsKey: scheme.publicKey(blsSecret), possession }
}

/**
 * The first set of validators: those of the genesis, else the node's own key alone. Throws POSSESSION_FALSE
 * where somebody did not prove to know a key, VALIDATOR_TWICE, VALIDATORS_MISSING.
 */
export function foundersOf(
  genesis: Genesis,
  { scheme, key }: { readonly scheme: Scheme; readonly key: ValidatorKey | undefined },
): ValidatorSet {
  if (genesis.validators === undefined) {
    if (key === undefined) throw new AppError({ code: 'VALIDATORS_MISSING' })
    const { address, blsSecret } = key
    return createValidatorSet(0, [
      { seat: 0, address, blsKey: scheme.publicKey(blsSecret), weight: 1 },
    ])
  }
  const seen = new Set<string>()
  for (const { address, blsKey, possession } of genesis.validators) {
    if (!scheme.verifyPossession(blsKey, possession)) {
      throw new AppError({ code: 'POSSESSION_FALSE', address })
    }
    if (seen.has(address) || seen.has(blsKey))
      throw new AppError({ code: 'VALIDATOR_TWICE', address })
    seen.add(address).add(blsKey)
  }
  const members = genesis.validators.map(({ address, blsKey, weight }, seat) => ({
    seat,
    address,
    blsKey,
    weight,
  }))
  return createValidatorSet(0, members)
}
