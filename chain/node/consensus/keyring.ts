import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Hex } from '#base/hex.ts'
import type { Validator, ValidatorSet } from '#chain/core/consensus/validators.ts'

/** The keys of one node, by what others know of them: one that votes, and those that only lead. */
export interface Keyring {
  secretOf(member: Pick<Validator, 'blsKey'> | undefined): Uint8Array | undefined
  /** The members of a set whose keys are here, by index. */
  membersOf(set: ValidatorSet): readonly Validator[]
}

/** Creates the keyring of BLS12-381 secret keys. */
export function createKeyring(scheme: Scheme, secrets: readonly Uint8Array[]): Keyring {
  const known = new Map<Hex, Uint8Array>(
    secrets.map((secret) => [scheme.publicKey(secret), secret]),
  )
  return {
    secretOf: (member) => (member === undefined ? undefined : known.get(member.blsKey)),
    membersOf: ({ validators }) => validators.filter(({ blsKey }) => known.has(blsKey)),
  }
}
