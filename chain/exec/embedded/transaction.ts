import type { Common } from '@ethereumjs/common'
import { type TypedTransaction, createTxFromRLP } from '@ethereumjs/tx'
import { Address } from '@ethereumjs/util'
import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { PoolTransaction } from '#chain/core/pool-book.ts'
import type { FastCrypto } from './crypto.ts'

/** A signed transaction with its sender found out. */
export interface DecodedTransaction {
  readonly tx: TypedTransaction
  readonly raw: Uint8Array
  readonly hash: Hex
  readonly sender: Address
}

export type Decode = (raw: Uint8Array) => DecodedTransaction

/**
 * Decodes signed transactions, each once: what the pool decoded is not decoded again for the block. Throws
 * TRANSACTION_INVALID.
 */
export function createDecoder(common: Common, crypto: FastCrypto): Decode {
  const known = new WeakMap<Uint8Array, DecodedTransaction>()

  function decode(raw: Uint8Array): DecodedTransaction {
    if (raw.length > chainLimits.transactionBytesMax) {
      throw new AppError({ code: 'TRANSACTION_INVALID', reason: 'oversized data' })
    }
    if (raw[0] === 3) {
      throw new AppError({ code: 'TRANSACTION_INVALID', reason: 'blobs are not carried here' })
    }
    try {
      const tx = createTxFromRLP(raw, { common })
      const key = tx.getSenderPublicKey()
      const sender = new Address(crypto.keccak256(key).slice(12))
      return { tx, raw, hash: toHex(crypto.keccak256(raw)), sender }
    } catch (error) {
      const reason = reasonOf(error)
      throw new AppError({ code: 'TRANSACTION_INVALID', reason }, { cause: error })
    }
  }

  return (raw) => {
    let decoded = known.get(raw)
    if (decoded === undefined) known.set(raw, (decoded = decode(raw)))
    return decoded
  }
}

/** The first clause of a library's message; what follows repeats the transaction. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.split(' (')[0] ?? message
}

/** What a transaction may pay per gas, for each of its kinds. */
export function feesOf(tx: TypedTransaction): {
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
} {
  if ('maxFeePerGas' in tx) {
    return { maxFeePerGas: tx.maxFeePerGas, maxPriorityFeePerGas: tx.maxPriorityFeePerGas }
  }
  return { maxFeePerGas: tx.gasPrice, maxPriorityFeePerGas: tx.gasPrice }
}

/** The transaction as the pool holds it. Throws TRANSACTION_INVALID where its nonce is out of bounds. */
export function toPoolTransaction(decoded: DecodedTransaction): PoolTransaction {
  const { tx, raw, hash, sender } = decoded
  if (tx.nonce > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new AppError({ code: 'TRANSACTION_INVALID', reason: 'nonce too high' })
  }
  return {
    hash,
    sender: toHex(sender.bytes),
    nonce: Number(tx.nonce),
    ...feesOf(tx),
    gasLimit: tx.gasLimit,
    valueWei: tx.value,
    raw,
  }
}
