import { z } from 'zod'
import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { Message } from '#chain/core/consensus/messages.ts'
import {
  type ValidatorSet,
  indicesOf,
  voterOf,
  weightOf,
} from '#chain/core/consensus/validators.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { blsKey, blsSignature, count } from '#wire/primitives.ts'
import { type Place, isBelow } from './vote-log.ts'

/**
 * "The newest signature of that validator that I saw is of this view." Signed by a validator, so that a
 * quorum of such words covers every signature of the subject that has become part of a certificate.
 */
const testimonySchema = z.strictObject({
  witness: blsKey,
  epoch: count,
  view: count,
  signature: blsSignature,
})

/** What was asked: the signatures of which key, and a number that is asked once. */
export interface Subject {
  readonly blsKey: Hex
  readonly nonce: Hex
}

/** The newest view in which each key was seen to sign, over all epochs. */
export interface Sightings {
  note(message: Message): void
  of(blsKey: Hex): Place
}

/** Creates empty sightings. */
export function createSightings(setOf: (epoch: number) => ValidatorSet | undefined): Sightings {
  const seen = new Map<Hex, Place>()

  function see(index: number, { epoch, view }: Place): void {
    const key = setOf(epoch)?.validators[index]?.blsKey
    if (key === undefined) return
    const known = seen.get(key)
    if (known === undefined || isBelow(known, { epoch, view })) seen.set(key, { epoch, view })
  }

  return {
    of: (key) => seen.get(key) ?? { epoch: 0, view: 0 },
    note(message) {
      if (message.kind === 'vote') see(message.vote.voter, message.vote)
      if (message.kind === 'proposal') see(message.proposal.proposer, message.proposal)
      if (message.kind !== 'certificate') return
      const { certificate } = message
      const count = setOf(certificate.epoch)?.validators.length ?? 0
      for (const index of indicesOf(certificate.signers, count) ?? []) see(index, certificate)
    },
  }
}

/** Who tells what it saw. */
export interface Witness {
  readonly blsKey: Hex
  readonly blsSecret: Uint8Array
}

/** The bytes of a validator's testimony on a subject. */
export function testify(
  scheme: Scheme,
  witness: Witness,
  {
    subject,
    place,
    chainId,
  }: { readonly subject: Subject; readonly place: Place; readonly chainId: number },
): Uint8Array {
  const signature = scheme.sign(witness.blsSecret, testimonyBytes(chainId, subject, place))
  const { epoch, view } = place
  return canonicalBytes({ witness: witness.blsKey, epoch, view, signature })
}

export interface Heard extends Place {
  /** The voter who says it, by its index in the set of whoever asks. */
  readonly witness: number
}

/** What a testimony says; undefined where it is none, or not signed by a voter of the set. */
export function hear(
  scheme: Scheme,
  bytes: Uint8Array,
  {
    subject,
    set,
    chainId,
  }: { readonly subject: Subject; readonly set: ValidatorSet; readonly chainId: number },
): Heard | undefined {
  if (bytes.length === 0) return undefined
  const parsed = testimonySchema.safeParse(parseJson(bytes))
  if (!parsed.success) return undefined
  const { witness, epoch, view, signature } = parsed.data
  const index = voterOf(set, witness)
  if (index === undefined) return undefined
  const message = testimonyBytes(chainId, subject, { epoch, view })
  if (!scheme.verify({ publicKey: witness, message, signature })) return undefined
  return { witness: index, epoch, view }
}

/** Whether these validators and the subject itself are a quorum. */
export function isQuorum(set: ValidatorSet, witnesses: Iterable<number>, self: number): boolean {
  return weightOf(set, new Set([...witnesses, self])) >= set.quorumWeight
}

function testimonyBytes(chainId: number, subject: Subject, { epoch, view }: Place): Uint8Array {
  const place = [u64be(chainId), fromHex(subject.blsKey), u64be(epoch), u64be(view)]
  return concatBytes(utf8('quern/testimony/1'), ...place, fromHex(subject.nonce))
}
