import { z } from 'zod'
import { consensusBlockSchema, consensusRoot } from '#chain/core/consensus-block.ts'
import { address, blsKey, blsSignature, count, hash32 } from '#wire/primitives.ts'
import { certificateSchema, namesBlock, statementFields } from './certificate-schema.ts'
import type { LogEntry } from './input.ts'
import type { Message } from './messages.ts'
import { totalWeightMax } from './validators.ts'

const membersMax = 1_024

export const voteSchema = z
  .strictObject({ ...statementFields, voter: count, signature: blsSignature })
  .refine(namesBlock, { error: 'only a nullification names no block' })

const proposalHeaderSchema = z.strictObject({
  kind: z.literal('proposal'),
  epoch: count,
  view: count,
  parentView: count,
  root: hash32,
  proposer: count,
  signature: blsSignature,
})

/** What one member signed, as it is kept to convict it. */
export const signedStatementSchema = z.union([voteSchema, proposalHeaderSchema])

/** A member of a set as it travels and is stored: its index is its place. */
export const memberSchema = z.strictObject({ seat: count, address, blsKey, weight: count })

/** The members of a set that somebody else says: as many as there are seats for, and somebody votes. */
export const membersSchema = z
  .array(memberSchema)
  .max(membersMax)
  .refine(
    (members) => {
      const weight = members.reduce((sum, member) => sum + BigInt(member.weight), 0n)
      return weight > 0n && weight <= BigInt(totalWeightMax)
    },
    { error: 'the weights are none of a set' },
  )

const proposalSchema = z
  .strictObject({
    epoch: count,
    view: count,
    parentView: count,
    block: consensusBlockSchema,
    proposer: count,
    signature: blsSignature,
  })
  .transform((proposal) => ({
    kind: 'proposal' as const,
    root: consensusRoot(proposal.block),
    ...proposal,
  }))

const voteMessage = z.strictObject({ kind: z.literal('vote'), vote: voteSchema })
const proposalMessage = z.strictObject({ kind: z.literal('proposal'), proposal: proposalSchema })
const certificateMessage = z.strictObject({
  kind: z.literal('certificate'),
  certificate: certificateSchema,
})
const blockMessage = z
  .strictObject({ kind: z.literal('block'), block: consensusBlockSchema })
  .transform(({ kind, block }) => ({ kind, root: consensusRoot(block), block }))

/** A message as it comes from a peer; roots are computed here and never taken from the wire. */
export const messageSchema = z.union([
  voteMessage,
  proposalMessage,
  certificateMessage,
  blockMessage,
])

export const catchUpSchema = z.strictObject({
  epoch: count,
  height: count,
  viewMin: count,
  viewMax: count,
})

/** What of a message or log entry travels or is stored: everything but the roots that follow from it. */
export function plainOf(message: Message | LogEntry): unknown {
  if (message.kind === 'block') return { kind: 'block', block: message.block }
  if (message.kind !== 'proposal') return message
  const { epoch, view, parentView, block, proposer, signature } = message.proposal
  return {
    kind: 'proposal',
    proposal: { epoch, view, parentView, block, proposer, signature },
  }
}

/** Parses a message. Throws a ZodError. */
export function parseMessage(value: unknown): Message {
  return messageSchema.parse(value)
}
