import { createRequire } from 'node:module'
import {
  type Address,
  type Hex,
  encodeFunctionData,
  keccak256,
  serializeTransaction,
  toHex,
} from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import type { Contract } from './contracts.ts'

export type LoadKind = 'transfers' | 'erc20' | 'compute'

const senderCount = 1_000

/** A key whose account sends. */
export interface Sender {
  readonly key: Uint8Array
  readonly address: Address
}

/** The senders of every run: numbered keys. */
export const senders: readonly Sender[] = Array.from({ length: senderCount }, (_, i) => {
  const key = new Uint8Array(32)
  key[0] = 1
  new DataView(key.buffer).setUint32(28, i + 1)
  return { key, address: privateKeyToAddress(toHex(key)) }
})

const { ecdsaSign } = createRequire(import.meta.url)('secp256k1') as {
  ecdsaSign(digest: Uint8Array, key: Uint8Array): { signature: Uint8Array; recid: 0 | 1 }
}

export interface Call {
  readonly to?: Address | undefined
  readonly value?: bigint
  readonly gas: bigint
  readonly data?: Hex
}

/** Signs a call of a sender for a chain; fees are far above any base fee of the run. */
export function signCall(call: Call, by: Sender, at: { chainId: number; nonce: number }): Hex {
  const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 9n }
  const transaction = { type: 'eip1559', ...at, ...fees, ...call } as const
  const digest = keccak256(serializeTransaction(transaction), 'bytes')
  const { signature, recid } = ecdsaSign(digest, by.key)
  return serializeTransaction(transaction, {
    r: toHex(signature.subarray(0, 32)),
    s: toHex(signature.subarray(32)),
    yParity: recid,
  })
}

/** What the calls of a load are made with. */
export interface Targets {
  readonly token: Contract & { readonly address: Address }
  readonly work: Contract & { readonly address: Address }
}

const mixRounds = 2_000n

const receiverOf = (i: number) => senders[(i * 7 + 13) % senderCount]?.address

/** The `i`th transfer of a load. */
export function transferOf(i: number): Call {
  return { to: receiverOf(i), value: 1n, gas: 21_000n }
}

/** The `i`th call of a load. */
export function callOf(kind: LoadKind, i: number, { token, work }: Targets): Call {
  const receiver = receiverOf(i)
  if (kind === 'transfers') return transferOf(i)
  if (kind === 'erc20') {
    const { abi } = token
    const input = encodeFunctionData({ abi, functionName: 'transfer', args: [receiver, 1n] })
    return { to: token.address, gas: 70_000n, data: input }
  }
  const { abi } = work
  const input = encodeFunctionData({ abi, functionName: 'mix', args: [mixRounds, BigInt(i + 1)] })
  return { to: work.address, gas: 1_500_000n, data: input }
}

/** Who sends the `i`th call. */
export function senderOf(i: number): Sender {
  return senders[i % senderCount] as Sender
}
