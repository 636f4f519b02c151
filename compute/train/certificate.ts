import { utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate, RoundList } from '#wire/segment.ts'

/** How many of the active workers must sign a list: two thirds, so that two lists share an honest signer. */
export function quorumOf(activeCount: number): number {
  return Math.ceil((2 * activeCount) / 3)
}

/** SHA256("quern/list/1" | canonical JSON of the list): what is signed, and the transcript of aggregation. */
export function listHashOf(list: readonly ListedUpdate[]): Hex {
  return toHex(sha256(utf8('quern/list/1'), canonicalBytes(list)))
}

export type ListFault = 'LIST_EMPTY' | 'LIST_STRANGER' | 'LIST_ORDER'

/** What is wrong with the shape of a list: it names active workers, each once, in index order. */
export function faultOfList(
  list: readonly ListedUpdate[],
  active: readonly Hex[],
): ListFault | undefined {
  if (list.length === 0) return 'LIST_EMPTY'
  const places = list.map((update) => active.indexOf(update.worker))
  if (places.includes(-1)) return 'LIST_STRANGER'
  return places.every((place, i) => i === 0 || place > (places[i - 1] as number))
    ? undefined
    : 'LIST_ORDER'
}

export type CertificateFault = ListFault | 'SIGNATURE_INVALID' | 'QUORUM_MISSING'

/** Who signed a list hash in a round: the worker (owner), or undefined when the signature is no good. */
export type SignerOf = (round: number, listHash: Hex, signature: Hex) => Hex | undefined

/** What is wrong with a round certificate. Lists fixed on chain are compared with the chain instead. */
export function faultOfCertificate(
  certificate: RoundList,
  active: readonly Hex[],
  signerOf: SignerOf,
): CertificateFault | undefined {
  const fault = faultOfList(certificate.list, active)
  if (fault) return fault
  const hash = listHashOf(certificate.list)
  const signers = new Set<Hex>()
  for (const { worker, signature } of certificate.signatures) {
    const isValid = signerOf(certificate.round, hash, signature) === worker
    if (!isValid || !active.includes(worker)) return 'SIGNATURE_INVALID'
    signers.add(worker)
  }
  return signers.size >= quorumOf(active.length) ? undefined : 'QUORUM_MISSING'
}

/** Workers that signed two different lists of one round: never honest, and proven by the two signatures. */
export function doubleSigners(one: RoundList, other: RoundList): readonly Hex[] {
  if (one.round !== other.round || listHashOf(one.list) === listHashOf(other.list)) return []
  const signers = new Set(one.signatures.map(({ worker }) => worker))
  return other.signatures.map(({ worker }) => worker).filter((worker) => signers.has(worker))
}
