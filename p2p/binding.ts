import { peerIdFromString } from '@libp2p/peer-id'
import { z } from 'zod'
import { type TypedMessage, recoverTyped, signTyped, typedDigest } from '#base/crypto/eip712.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { address, count, signature65 } from '#wire/primitives.ts'
import { isSignedBy } from './envelope.ts'
import type { Network } from './network.ts'

/** A peer id in its text form. */
export const peerIdText = z.string().refine(isPeerId, { error: 'expected a peer id' })

/**
 * "This account speaks through this peer": the EIP-712 message {account, peerId, sequence, expires},
 * signed by the account, and its digest signed by the peer's key. A higher sequence replaces a lower.
 */
export const bindingSchema = z.object({
  account: address,
  peerId: peerIdText,
  sequence: count,
  /** Unix time in seconds. */
  expires: count,
  accountSignature: signature65,
  peerSignature: z.string().regex(/^0x[0-9a-f]{64,512}$/),
})
export type PeerBinding = z.infer<typeof bindingSchema>

type Statement = Pick<PeerBinding, 'account' | 'peerId' | 'sequence' | 'expires'>

/** Signs a binding with both keys. `sequence` must grow from one binding of the account to the next. */
export async function createBinding(
  network: Pick<Network, 'peerId' | 'sign'>,
  accountKey: Uint8Array,
  terms: { chainId: number; sequence: number; expires: number },
): Promise<PeerBinding> {
  const { chainId, sequence, expires } = terms
  const account = addressOf(accountKey)
  const statement = { account, peerId: network.peerId, sequence, expires }
  const typed = typedBinding(chainId, statement)
  return {
    ...statement,
    accountSignature: signTyped(typed, accountKey),
    peerSignature: toHex(await network.sign(typedDigest(typed))),
  }
}

/** Checks both signatures and the time. Throws BINDING_EXPIRED or BINDING_INVALID with the part at fault. */
export async function verifyBinding(
  binding: PeerBinding,
  terms: { chainId: number; nowMs: number },
): Promise<void> {
  if (binding.expires * 1_000 <= terms.nowMs) {
    throw new AppError({ code: 'BINDING_EXPIRED', expires: binding.expires })
  }
  const typed = typedBinding(terms.chainId, binding)
  if (recoverOrNothing(typed, binding.accountSignature) !== binding.account) {
    throw new AppError({ code: 'BINDING_INVALID', part: 'account' })
  }
  const peer = peerIdOrThrow(binding.peerId)
  if (!(await isSignedBy(peer, typedDigest(typed), fromHex(binding.peerSignature)))) {
    throw new AppError({ code: 'BINDING_INVALID', part: 'peer' })
  }
}

function recoverOrNothing(typed: TypedMessage, signature: Hex): Hex | undefined {
  try {
    return recoverTyped(typed, signature)
  } catch {
    return undefined // an unreadable signature is one of nobody
  }
}

function typedBinding(chainId: number, statement: Statement): TypedMessage {
  return {
    domain: { name: 'Quern', version: '1', chainId },
    types: {
      PeerBinding: [
        { name: 'account', type: 'address' },
        { name: 'peerId', type: 'bytes' },
        { name: 'sequence', type: 'uint64' },
        { name: 'expires', type: 'uint64' },
      ],
    },
    primaryType: 'PeerBinding',
    message: {
      account: statement.account,
      peerId: toHex(peerIdOrThrow(statement.peerId).toMultihash().bytes),
      sequence: statement.sequence,
      expires: statement.expires,
    },
  }
}

function isPeerId(text: string): boolean {
  try {
    return text.length <= 128 && peerIdFromString(text).toString() === text
  } catch {
    return false
  }
}

function peerIdOrThrow(text: string) {
  try {
    return peerIdFromString(text)
  } catch (error) {
    throw new AppError({ code: 'BINDING_INVALID', part: 'peerId' }, { cause: error })
  }
}
