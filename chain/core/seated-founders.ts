import { utf8 } from '#base/bytes.ts'
import { keyPoint, signaturePoint } from '#base/crypto/bls/points.ts'
import { keccak256 } from '#base/crypto/keys.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { Genesis } from './genesis.ts'

const weiPerCoin = 10n ** 18n
const { ValidatorSet } = systemAddresses

/**
 * The genesis with a call for each of its validators and leaders, by which it takes its seat in `ValidatorSet`
 * and stakes its weight; unchanged where that contract is not there.
 */
export function withSeatedFounders(genesis: Genesis): Genesis {
  const isThere = genesis.contracts.some(({ address }) => address === ValidatorSet)
  if (!isThere) return genesis
  const { validators = [], leaders = [] } = genesis
  const joins = [
    ...validators.map((validator) => joinOf(validator, true)),
    ...leaders.map((leader) => joinOf(leader, false)),
  ]
  return { ...genesis, calls: [...genesis.calls, ...joins] }
}

type Seated = NonNullable<Genesis['validators']>[number]

function joinOf({ address, blsKey, possession, weight }: Seated, votes: boolean) {
  return {
    from: address,
    to: ValidatorSet,
    valueWei: BigInt(weight) * weiPerCoin,
    calldata: joinCall(votes, keyPoint(blsKey), signaturePoint(possession)),
  }
}

/** The first four bytes of a call to a function. */
export function selectorOf(signature: string): Hex {
  return toHex(keccak256(utf8(signature)).subarray(0, 4))
}

/** `join(votes, key, proof, "")`: a seat without a peer id. */
function joinCall(votes: boolean, key: Hex, proof: Hex): Hex {
  const tails = [key, proof, '0x' as const].map(fromHex)
  let offset = 32 * (1 + tails.length)
  const heads = tails.map(({ length }) => {
    const at = offset
    offset += 32 + length // all lengths are whole words
    return word(at)
  })
  const encoded = tails.map((bytes) => `${word(bytes.length)}${toHex(bytes).slice(2)}`)
  const selector = selectorOf('join(bool,bytes,bytes,bytes)')
  return `${selector}${word(votes ? 1 : 0)}${heads.join('')}${encoded.join('')}`
}

function word(value: number): string {
  return value.toString(16).padStart(64, '0')
}
