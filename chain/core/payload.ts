import { RLP } from '@ethereumjs/rlp'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import {
  type Header,
  headerFields,
  headerFromFields,
  headerHash,
  integer,
  quantity,
} from './header.ts'

/** A payment of consensus that no transaction makes (EIP-4895). */
export interface Withdrawal {
  readonly index: number
  readonly validatorIndex: number
  readonly address: Hex
  readonly amountGwei: bigint
}

/** What consensus agrees on and execution runs: a whole block. */
export interface Payload {
  readonly blockHash: Hex
  readonly header: Header
  readonly transactions: readonly Uint8Array[]
  readonly withdrawals: readonly Withdrawal[]
}

/** The same block with another `extraData` (32 bytes), which no execution client takes as an attribute. */
export function resealPayload(payload: Payload, extraData: Hex): Payload {
  const header = { ...payload.header, extraData }
  return { ...payload, header, blockHash: headerHash(header) }
}

/** A withdrawal as it stands in the withdrawals trie and in a block's RLP. */
export function encodeWithdrawal(withdrawal: Withdrawal): Uint8Array {
  return RLP.encode([
    integer(withdrawal.index),
    integer(withdrawal.validatorIndex),
    fromHex(withdrawal.address),
    integer(withdrawal.amountGwei),
  ])
}

function decodeWithdrawal(rlp: Uint8Array): Withdrawal {
  const [index, validatorIndex, address, amount] = RLP.decode(rlp) as Uint8Array[]
  return {
    index: Number(quantity(index)),
    validatorIndex: Number(quantity(validatorIndex)),
    address: toHex(address ?? new Uint8Array()),
    amountGwei: quantity(amount),
  }
}

/** A payload's bytes on disk and between nodes: RLP of [header, transactions, withdrawals]. */
export function encodePayload({ header, transactions, withdrawals }: Payload): Uint8Array {
  return RLP.encode([headerFields(header), [...transactions], withdrawals.map(encodeWithdrawal)])
}

/** The inverse of `encodePayload`; the hash is computed from the header. */
export function decodePayload(rlp: Uint8Array): Payload {
  const [fields, transactions, withdrawals] = RLP.decode(rlp) as Uint8Array[][]
  const header = headerFromFields(fields ?? [])
  return {
    blockHash: headerHash(header),
    header,
    transactions: transactions ?? [],
    withdrawals: (withdrawals ?? []).map(decodeWithdrawal),
  }
}
