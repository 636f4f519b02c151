import { u32be, utf8 } from '#base/bytes.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'

/** Where signatures of simulated jobs count. */
export const place = {
  chainId: 78_787,
  jobManager: '0x0000000000000000000000000000000000051005' as Hex,
}

const partiesMax = 8

/** An account that stakes, and the key that works for it. */
export interface Party {
  readonly owner: Hex
  readonly operatorKey: Uint8Array
  readonly operator: Hex
}

function partyOf(role: string, index: number): Party {
  const operatorKey = sha256(utf8(`${role} operator`), u32be(index))
  const owner = addressOf(sha256(utf8(`${role} owner`), u32be(index)))
  return { owner, operatorKey, operator: addressOf(operatorKey) }
}

const all = (role: string) => Array.from({ length: partiesMax }, (_, i) => partyOf(role, i))
export const workerParties = all('worker')
export const evaluatorParties = all('evaluator')

/** The hash of labels, for seeds and identities. */
export function hashOf(...parts: readonly (string | number)[]): Hex {
  return toHex(sha256(utf8(parts.join('/'))))
}

/** What a list of a round is signed as. */
export interface SignedList {
  readonly jobId: Hex
  readonly attempt: number
  readonly round: number
  readonly listHash: Hex
}

/** Stands for a signature, which costs more than all the rest of a small job: no other list has the same. */
export function signList(owner: Hex, { jobId, attempt, round, listHash }: SignedList): Hex {
  const hash = hashOf('list', owner, jobId, attempt, round, listHash)
  return `${hash}${hash.slice(2)}00`
}
