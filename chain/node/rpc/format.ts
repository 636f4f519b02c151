import type { TypedTransaction } from '@ethereumjs/tx'
import { type Hex, toHex } from '#base/hex.ts'
import { tipPerGas } from '#chain/core/fee.ts'
import { type Header, zeroHash } from '#chain/core/header.ts'
import type { Payload, Withdrawal } from '#chain/core/payload.ts'
import { type Receipt, type ReceiptLog, addToBloom } from '#chain/exec/embedded/receipt.ts'
import { type DecodedTransaction, feesOf } from '#chain/exec/embedded/transaction.ts'
import { hexQuantity } from './params.ts'

const emptyOmmersHash: Hex = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'

/** A header as `newHeads` sends it, and as a block holds it. */
export function headerJson(hash: Hex | null, header: Header) {
  return {
    hash,
    parentHash: header.parentHash,
    sha3Uncles: emptyOmmersHash,
    miner: header.feeRecipient,
    stateRoot: header.stateRoot,
    transactionsRoot: header.transactionsRoot,
    receiptsRoot: header.receiptsRoot,
    logsBloom: header.logsBloom,
    difficulty: '0x0',
    number: hexQuantity(header.number),
    gasLimit: hexQuantity(header.gasLimit),
    gasUsed: hexQuantity(header.gasUsed),
    timestamp: hexQuantity(header.timestamp),
    extraData: header.extraData,
    mixHash: header.prevRandao,
    nonce: '0x0000000000000000',
    baseFeePerGas: hexQuantity(header.baseFeePerGas),
    withdrawalsRoot: header.withdrawalsRoot,
    blobGasUsed: '0x0',
    excessBlobGas: '0x0',
    parentBeaconBlockRoot: header.parentBeaconBlockRoot,
    requestsHash: header.requestsHash,
  }
}

/** A block with its transactions as given: hashes or objects. */
export function blockJson(
  { blockHash, header, withdrawals }: Payload,
  body: { readonly transactions: readonly unknown[]; readonly sizeBytes: number },
) {
  return {
    ...headerJson(blockHash, header),
    totalDifficulty: '0x0',
    size: hexQuantity(body.sizeBytes),
    uncles: [],
    transactions: body.transactions,
    withdrawals: withdrawals.map(withdrawalJson),
  }
}

function withdrawalJson(withdrawal: Withdrawal) {
  return {
    index: hexQuantity(withdrawal.index),
    validatorIndex: hexQuantity(withdrawal.validatorIndex),
    address: withdrawal.address,
    amount: hexQuantity(withdrawal.amountGwei),
  }
}

/** Where a transaction stands; undefined while it waits. */
export interface Place {
  readonly block: Pick<Payload, 'blockHash' | 'header'>
  readonly index: number
}

export function transactionJson({ tx, hash, sender }: DecodedTransaction, place?: Place) {
  const paid = place === undefined ? feesOf(tx).maxFeePerGas : pricePaid(tx, place.block.header)
  return {
    type: hexQuantity(tx.type),
    hash,
    nonce: hexQuantity(tx.nonce),
    blockHash: place?.block.blockHash ?? null,
    blockNumber: place === undefined ? null : hexQuantity(place.block.header.number),
    transactionIndex: place === undefined ? null : hexQuantity(place.index),
    from: toHex(sender.bytes),
    to: tx.to === undefined ? null : toHex(tx.to.bytes),
    value: hexQuantity(tx.value),
    gas: hexQuantity(tx.gasLimit),
    gasPrice: hexQuantity(paid),
    input: toHex(tx.data),
    ...kindFields(tx),
    v: hexQuantity(tx.v ?? 0n),
    r: hexQuantity(tx.r ?? 0n),
    s: hexQuantity(tx.s ?? 0n),
  }
}

function kindFields(tx: TypedTransaction) {
  if (tx.type === 0) {
    const v = tx.v ?? 0n
    return v > 34n ? { chainId: hexQuantity((v - 35n) / 2n) } : {}
  }
  return {
    chainId: hexQuantity(tx.chainId),
    yParity: hexQuantity(tx.v ?? 0n),
    accessList: tx.accessList.map(([address, slots]) => ({
      address: toHex(address),
      storageKeys: slots.map(toHex),
    })),
    ...('maxFeePerGas' in tx
      ? {
          maxFeePerGas: hexQuantity(tx.maxFeePerGas),
          maxPriorityFeePerGas: hexQuantity(tx.maxPriorityFeePerGas),
        }
      : {}),
    ...('authorizationList' in tx
      ? { authorizationList: tx.authorizationList.map(authorizationJson) }
      : {}),
  }
}

function authorizationJson(item: readonly Uint8Array[]) {
  const [chainId, address, nonce, yParity, r, s] = item.map(
    (field) => `0x0${toHex(field).slice(2)}`,
  )
  const integer = (text: string | undefined) => hexQuantity(BigInt(text ?? '0x0'))
  return {
    chainId: integer(chainId),
    address: `0x${(address ?? '').slice(3)}`,
    nonce: integer(nonce),
    yParity: integer(yParity),
    r: integer(r),
    s: integer(s),
  }
}

/** What a transaction paid per gas in a block. */
export function pricePaid(tx: TypedTransaction, { baseFeePerGas }: Header): bigint {
  return baseFeePerGas + tipPerGas(feesOf(tx), baseFeePerGas)
}

export interface LogPlace extends Place {
  readonly transactionHash: Hex
  readonly logIndex: number
}

export function logJson(log: ReceiptLog, place: LogPlace) {
  return {
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.payload),
    blockNumber: hexQuantity(place.block.header.number),
    blockHash: place.block.blockHash,
    blockTimestamp: hexQuantity(place.block.header.timestamp),
    transactionHash: place.transactionHash,
    transactionIndex: hexQuantity(place.index),
    logIndex: hexQuantity(place.logIndex),
    removed: false,
  }
}

export interface ReceiptPlace extends Place {
  readonly decoded: DecodedTransaction
  /** Logs of the block before this transaction's. */
  readonly firstLog: number
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
}

export function receiptJson(receipt: Receipt, place: ReceiptPlace) {
  const { tx } = place.decoded
  const { transactionHash } = receipt
  const bloom = new Uint8Array(256)
  for (const log of receipt.logs) addToBloom(bloom, log, place.keccak256)
  return {
    type: hexQuantity(receipt.type),
    transactionHash,
    transactionIndex: hexQuantity(place.index),
    blockHash: place.block.blockHash,
    blockNumber: hexQuantity(place.block.header.number),
    from: receipt.from,
    to: tx.to === undefined ? null : toHex(tx.to.bytes),
    cumulativeGasUsed: hexQuantity(receipt.cumulativeGasUsed),
    gasUsed: hexQuantity(receipt.gasUsed),
    effectiveGasPrice: hexQuantity(pricePaid(tx, place.block.header)),
    contractAddress: receipt.contractAddress ?? null,
    logs: receipt.logs.map((log, i) =>
      logJson(log, { ...place, transactionHash, logIndex: place.firstLog + i }),
    ),
    logsBloom: toHex(bloom),
    status: receipt.hasSucceeded ? '0x1' : '0x0',
  }
}

/** A header for the block that is yet to be made. */
export function pendingHeader(
  parent: Payload,
  next: Pick<Header, 'timestamp' | 'baseFeePerGas'>,
): Header {
  return {
    ...parent.header,
    ...next,
    parentHash: parent.blockHash,
    number: parent.header.number + 1,
    gasUsed: 0n,
    extraData: zeroHash,
    logsBloom: toHex(new Uint8Array(256)),
  }
}
