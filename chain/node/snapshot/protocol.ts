import { RLP } from '@ethereumjs/rlp'
import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { memberSchema } from '#chain/core/consensus/codec.ts'
import type { Handoff } from '#chain/core/consensus/handoff.ts'
import {
  type Member,
  type ValidatorSet,
  createValidatorSet,
} from '#chain/core/consensus/validators.ts'
import {
  type SnapshotAnswer,
  type SnapshotQuestion,
  snapshotBatch,
} from '#chain/exec/embedded/snapshot.ts'
import { fromKey, toKey } from '#store/key.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { count, hash32 } from '#wire/primitives.ts'
import { type FinalBlock, finalSchema } from '../consensus-store.ts'
import { snapshotLimits } from './limits.ts'

/** The protocol by which a node without a chain asks for a recent state. */
export const snapshotProtocol = (chainId: number) => `/quern/${chainId}/snapshot/1`

const owner = z.string().regex(/^([0-9a-f]{64})?$/)
const path = z.string().regex(/^[0-9a-f]{0,64}$/)
const { placesMax, codesMax } = snapshotBatch

const questionSchema = z.union([
  /** Final consensus blocks from a height downwards; without one from the newest that its certificate names. */
  z.strictObject({
    kind: z.literal('records'),
    from: count.optional(),
    count: z.int().min(1).max(snapshotLimits.recordsMax),
  }),
  /** How epochs from one on handed over. */
  z.strictObject({ kind: z.literal('handoffs'), epoch: count }),
  /** Subtrees and codes of the state after a block. */
  z.strictObject({
    kind: z.literal('state'),
    blockHash: hash32,
    places: z
      .array(z.strictObject({ owner, path, isAlone: z.boolean().optional() }))
      .max(placesMax),
    codes: z.array(hash32).max(codesMax),
  }),
])
/** Somebody votes, and weights add up. */
const setSchema = z
  .array(memberSchema.extend({ weight: z.int().min(0).max(1_000_000_000) }))
  .max(1_024)
  .refine((members) => members.some(({ weight }) => weight > 0))
type Asked = z.infer<typeof questionSchema>

export type Question =
  | { readonly kind: 'records'; readonly from: number | undefined; readonly count: number }
  | { readonly kind: 'handoffs'; readonly epoch: number }
  | ({ readonly kind: 'state' } & SnapshotQuestion)

/** Paths have a nibble in each character, owners a byte; as JSON both are hexadecimal digits. */
export function encodeQuestion(question: Question): Uint8Array {
  if (question.kind !== 'state') return canonicalBytes(question)
  const places = question.places.map((place) => ({
    isAlone: place.isAlone,
    owner: Buffer.from(fromKey(place.owner)).toString('hex'),
    path: Array.from(fromKey(place.path), (nibble) => nibble.toString(16)).join(''),
  }))
  return canonicalBytes({ ...question, places })
}

/** Throws QUESTION_INVALID. */
export function decodeQuestion(bytes: Uint8Array): Question {
  const parsed = questionSchema.safeParse(parseJson(bytes, snapshotLimits.questionBytesMax))
  if (!parsed.success) throw new AppError({ code: 'QUESTION_INVALID' })
  return questionOf(parsed.data)
}

function questionOf(asked: Asked): Question {
  if (asked.kind === 'handoffs') return asked
  if (asked.kind === 'records') return { ...asked, from: asked.from }
  const places = asked.places.map((place) => ({
    isAlone: place.isAlone,
    owner: toKey(Buffer.from(place.owner, 'hex')),
    path: String.fromCharCode(...Array.from(place.path, (digit) => Number.parseInt(digit, 16))),
  }))
  return { ...asked, places }
}

/** RLP of [for each place [[node, [key …]] …], codes]. */
export function encodeState({ part, codes }: SnapshotAnswer): Uint8Array {
  const subtrees = part.map((nodes) => nodes.map(({ rlp, keys }) => [rlp, [...keys]]))
  return RLP.encode([subtrees, [...codes]])
}

type Item = Uint8Array | readonly Item[]

/** Throws SNAPSHOT_FORGED where the shape is wrong; contents are the caller's to check. */
export function decodeState(bytes: Uint8Array): SnapshotAnswer {
  const [subtrees, codes] = listOf(decodeRlp(bytes), 2)
  const part = listOf(subtrees).map((nodes) =>
    listOf(nodes).map((node) => {
      const [rlp, keys] = listOf(node, 2)
      return { rlp: bytesOf(rlp), keys: listOf(keys).map(bytesOf) }
    }),
  )
  return { part, codes: listOf(codes).map(bytesOf) }
}

export function encodeRecords(records: readonly FinalBlock[]): Uint8Array {
  return RLP.encode(records.map((record) => canonicalBytes(record)))
}

/** Throws SNAPSHOT_FORGED. */
export function decodeRecords(bytes: Uint8Array): readonly FinalBlock[] {
  const items = listOf(decodeRlp(bytes)).map(bytesOf)
  if (items.length > snapshotLimits.recordsMax) throw malformed()
  try {
    return items.map((item) => finalSchema.parse(parseJson(item)))
  } catch (error) {
    throw malformed(error)
  }
}

export function encodeHandoffs(handoffs: readonly Handoff[]): Uint8Array {
  return RLP.encode(
    handoffs.map(({ next, ...final }) => [canonicalBytes(final), canonicalBytes(membersOf(next))]),
  )
}

function membersOf({ validators }: ValidatorSet): readonly Member[] {
  return validators.map(({ seat, address, blsKey, weight }) => ({ seat, address, blsKey, weight }))
}

/** Throws SNAPSHOT_FORGED where the shape is wrong; whether they hold is the caller's to check. */
export function decodeHandoffs(bytes: Uint8Array): readonly Handoff[] {
  const items = listOf(decodeRlp(bytes))
  try {
    return items.map((item) => {
      const [final, members] = listOf(item, 2).map(bytesOf) as [Uint8Array, Uint8Array]
      const { block, certificate } = finalSchema.parse(parseJson(final))
      const next = setSchema.parse(parseJson(members))
      return { block, certificate, next: createValidatorSet(block.epoch + 1, next) }
    })
  } catch (error) {
    throw malformed(error)
  }
}

function decodeRlp(bytes: Uint8Array): Item {
  try {
    return RLP.decode(bytes)
  } catch (error) {
    throw malformed(error)
  }
}

function listOf(item: Item | undefined, length?: number): readonly Item[] {
  if (!Array.isArray(item) || (length !== undefined && item.length !== length)) throw malformed()
  return item as readonly Item[]
}

function bytesOf(item: Item | undefined): Uint8Array {
  if (!(item instanceof Uint8Array)) throw malformed()
  return item
}

function malformed(cause?: unknown): AppError {
  return new AppError({ code: 'SNAPSHOT_FORGED', reason: 'malformed' }, { cause })
}
