import { RLP } from '@ethereumjs/rlp'
import { concatBytes } from '#base/bytes.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { integer, quantity } from '#chain/core/header.ts'

export interface ReceiptLog {
  readonly address: Uint8Array
  readonly topics: readonly Uint8Array[]
  readonly payload: Uint8Array
}

/** What a transaction left behind. */
export interface Receipt {
  readonly type: number
  readonly hasSucceeded: boolean
  readonly cumulativeGasUsed: bigint
  readonly gasUsed: bigint
  readonly logs: readonly ReceiptLog[]
  readonly transactionHash: Hex
  readonly from: Hex
  readonly contractAddress: Hex | undefined
}

type Keccak = (bytes: Uint8Array) => Uint8Array

/** Sets the three bits of each of the log's address and topics (2048 bits). */
export function addToBloom(bloom: Uint8Array, log: ReceiptLog, keccak256: Keccak): void {
  for (const item of [log.address, ...log.topics]) setBits(bloom, keccak256(item))
}

function setBits(bloom: Uint8Array, hash: Uint8Array): void {
  for (let i = 0; i < 6; i += 2) {
    const bit = (((hash[i] as number) << 8) | (hash[i + 1] as number)) & 2047
    const at = 255 - (bit >> 3)
    bloom[at] = (bloom[at] as number) | (1 << (bit & 7))
  }
}

/** Whether the bloom may hold what has this hash. */
export function mayHold(bloom: Uint8Array, hash: Uint8Array): boolean {
  const bits = new Uint8Array(256)
  setBits(bits, hash)
  return bits.every((byte, at) => (byte & (bloom[at] as number)) === byte)
}

/** A receipt as it stands in the block's receipt trie. */
export function encodeReceipt(receipt: Receipt, bloom: Uint8Array): Uint8Array {
  const rlp = RLP.encode([
    integer(receipt.hasSucceeded ? 1 : 0),
    integer(receipt.cumulativeGasUsed),
    bloom,
    receipt.logs.map(logFields),
  ])
  return receipt.type === 0 ? rlp : concatBytes(Uint8Array.of(receipt.type), rlp)
}

function logFields(log: ReceiptLog) {
  return [log.address, [...log.topics], log.payload]
}

/** A block's receipts as they are kept on the disk. */
export function encodeReceipts(receipts: readonly Receipt[]): Uint8Array {
  return RLP.encode(
    receipts.map((receipt) => [
      integer(receipt.type),
      integer(receipt.hasSucceeded ? 1 : 0),
      integer(receipt.cumulativeGasUsed),
      integer(receipt.gasUsed),
      receipt.logs.map(logFields),
      fromHex(receipt.transactionHash),
      fromHex(receipt.from),
      fromHex(receipt.contractAddress ?? '0x'),
    ]),
  )
}

type Row = [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  [Uint8Array, Uint8Array[], Uint8Array][],
  Uint8Array,
  Uint8Array,
  Uint8Array,
]

export function decodeReceipts(rlp: Uint8Array): Receipt[] {
  return (RLP.decode(rlp) as unknown as Row[]).map((row) => ({
    type: Number(quantity(row[0])),
    hasSucceeded: quantity(row[1]) === 1n,
    cumulativeGasUsed: quantity(row[2]),
    gasUsed: quantity(row[3]),
    logs: row[4].map(([address, topics, payload]) => ({ address, topics, payload })),
    transactionHash: toHex(row[5]),
    from: toHex(row[6]),
    contractAddress: row[7].length === 0 ? undefined : toHex(row[7]),
  }))
}
