import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { AppError } from '#base/error.ts'
import { setFrom } from '#chain/core/consensus/handoff.ts'
import type { Member, ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Genesis, GenesisValidator } from '#chain/core/genesis.ts'
import { seatMessage } from '#chain/core/seats.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { openSeatedFounders, openSets } from '../set-store.ts'
import { readMembers } from '../work-reads.ts'
import type { ValidatorKey } from './builder.ts'

/** The validator behind an account's private key: its BLS key follows from that by KeyGen. */
export function validatorKeyOf(privateKey: Uint8Array): ValidatorKey {
  return { address: addressOf(privateKey), blsSecret: blsSecretKey(privateKey) }
}

/** What a genesis says of a validator. */
export function founderOf(
  scheme: Scheme,
  { address, blsSecret }: ValidatorKey,
  chainId: number,
): GenesisValidator {
  const blsKey = scheme.publicKey(blsSecret)
  const possession = scheme.sign(blsSecret, seatMessage(chainId, address, blsKey))
  return { address, blsKey, possession }
}

/**
 * Throws POSSESSION_FALSE where a validator or leader of the genesis did not prove to know its key, VALIDATOR_TWICE where
 * two are one.
 */
export function checkFounders(
  { validators = [], leaders = [], chainId }: Genesis,
  scheme: Scheme,
): void {
  const seen = new Set<string>()
  for (const { address, blsKey, possession } of [...validators, ...leaders]) {
    const message = seatMessage(chainId, address, blsKey)
    if (!scheme.verify({ publicKey: blsKey, message, signature: possession })) {
      throw new AppError({ code: 'POSSESSION_FALSE', address })
    }
    if (seen.has(address) || seen.has(blsKey))
      throw new AppError({ code: 'VALIDATOR_TWICE', address })
    seen.add(address).add(blsKey)
  }
}

export interface FoundingDeps {
  readonly store: KeyValueStore
  readonly engine: EmbeddedEngine
  readonly scheme: Scheme
}

/**
 * The set of the first epoch, which is kept in the store: who has a seat in the state of the genesis; where
 * nobody votes there, those whom the genesis lists, else the node's own key. Throws VALIDATORS_MISSING.
 */
export async function openFirstSet(
  { store, engine, scheme }: FoundingDeps,
  { genesis, key }: { readonly genesis: Genesis; readonly key: ValidatorKey | undefined },
): Promise<ValidatorSet> {
  const founders = openSeatedFounders(store)
  const seated = founders.get(null) ?? (await readMembers(engine, engine.chain.genesisHash, 0))
  const set = firstSetOf(seated, { scheme, genesis, key })
  await store.batch([founders.put(null, seated), openSets(store).put(0, set)])
  return set
}

/** The first set, given who has a seat in the state of the genesis. Throws VALIDATORS_MISSING. */
export function firstSetOf(
  seated: readonly Member[],
  {
    scheme,
    genesis,
    key,
  }: {
    readonly scheme: Scheme
    readonly genesis: Genesis
    readonly key: ValidatorKey | undefined
  },
): ValidatorSet {
  const listed =
    genesis.validators ?? (key === undefined ? [] : [founderOf(scheme, key, genesis.chainId)])
  const former = listed.map(memberAt)
  if (![...seated, ...former].some(({ weight }) => weight > 0)) {
    throw new AppError({ code: 'VALIDATORS_MISSING' })
  }
  return setFrom(0, seated, former)
}

/** Where no contract keeps seats, founders have them in the order of the genesis. */
function memberAt({ address, blsKey, weight = 1 }: GenesisValidator, seat: number): Member {
  return { seat, address, blsKey, weight }
}
