import { RLP } from '@ethereumjs/rlp'
import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { certificateSchema } from '#chain/core/consensus/certificate-schema.ts'
import { catchUpSchema, parseMessage, plainOf } from '#chain/core/consensus/codec.ts'
import type { CatchUpRequest, Message } from '#chain/core/consensus/messages.ts'
import { consensusBlockSchema, consensusRoot } from '#chain/core/consensus-block.ts'
import { type Payload, decodePayload, encodePayload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { blsKey, hash32 } from '#wire/primitives.ts'
import type { ConsensusStore, FinalBlock } from '../consensus-store.ts'
import type { Subject } from './testimony.ts'

/** A final block with all that it takes to check and run it. */
export interface ServedBlock extends FinalBlock {
  readonly payload: Payload
}

/** What a node that is behind asks. */
export interface Question {
  readonly request: CatchUpRequest
  /** "What did you see of this key's signatures?" The nonce makes the answer fresh. */
  readonly subject?: Subject
}

/** What a peer has for it. */
export interface Answer {
  readonly messages: readonly Message[]
  /** Consecutive heights of one epoch; the last one's certificate names it. */
  readonly finals: readonly ServedBlock[]
  /** A signed testimony on the subject, as bytes of JSON; empty where the peer has no key. */
  readonly testimony: Uint8Array
}

/** One answer: the last block may exceed it where it stands alone. */
const answerBytesMax = 3_145_728
const answerBlocksMax = 64
export const catchUpAnswerBytesMax = 16_777_216

const questionSchema = z.strictObject({
  request: catchUpSchema,
  subject: z.strictObject({ blsKey, nonce: hash32 }).optional(),
})

export function encodeQuestion(question: Question): Uint8Array {
  return canonicalBytes(question)
}

/** Throws QUESTION_INVALID. */
export function decodeQuestion(bytes: Uint8Array): Question {
  const parsed = questionSchema.safeParse(parseJson(bytes))
  if (!parsed.success) throw new AppError({ code: 'QUESTION_INVALID' })
  return parsed.data
}

/** RLP of [messages, [[block, certificate, payload] …], testimony]; all but payloads are JSON. */
export function encodeAnswer({ messages, finals, testimony }: Answer): Uint8Array {
  return RLP.encode([
    messages.map((message) => canonicalBytes(plainOf(message))),
    finals.map(({ block, certificate, payload }) => [
      canonicalBytes(block),
      canonicalBytes(certificate),
      encodePayload(payload),
    ]),
    testimony,
  ])
}

/** Throws ANSWER_INVALID. Signatures and links are the caller's to check. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  try {
    const [messages, finals, testimony] = RLP.decode(bytes) as unknown as [
      Uint8Array[],
      Uint8Array[][],
      Uint8Array,
    ]
    return {
      messages: messages.map((message) => parseMessage(parseJson(message))),
      finals: finals.map(decodeServed),
      testimony,
    }
  } catch (error) {
    throw new AppError({ code: 'ANSWER_INVALID' }, { cause: error })
  }
}

function decodeServed(fields: Uint8Array[]): ServedBlock {
  const [block, certificate, payload] = fields as [Uint8Array, Uint8Array, Uint8Array]
  return {
    block: consensusBlockSchema.parse(parseJson(block)),
    certificate: certificateSchema.parse(parseJson(certificate)),
    payload: decodePayload(payload),
  }
}

/**
 * Final blocks of one epoch from a height on, as many as one answer may hold, up to one that its certificate
 * names.
 */
export function finalsFrom(
  fromHeight: number,
  { chain, consensus }: { readonly chain: Chain; readonly consensus: ConsensusStore },
): readonly ServedBlock[] {
  const finals: ServedBlock[] = []
  let sizeBytes = 0
  if (fromHeight < chain.oldest()) return finals // pruned: who lacks it begins with a snapshot
  for (let height = fromHeight; ; height += 1) {
    const final = consensus.get(height)
    const payload = height <= chain.finalised().header.number ? chain.byNumber(height) : undefined
    if (final === undefined || payload === undefined) break
    if (final.block.epoch !== (finals[0] ?? final).block.epoch) break
    finals.push({ ...final, payload })
    sizeBytes += payload.transactions.reduce((sum, { length }) => sum + length, 1_024)
    const isNamed = final.certificate.block === consensusRoot(final.block)
    if (isNamed && (finals.length >= answerBlocksMax || sizeBytes >= answerBytesMax)) break
  }
  const lastNamed = finals.findLastIndex(
    ({ block, certificate }) => certificate.block === consensusRoot(block),
  )
  return finals.slice(0, lastNamed + 1)
}
