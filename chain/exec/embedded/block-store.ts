import { u64be } from '#base/bytes.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { type Payload, decodePayload, encodePayload } from '#chain/core/payload.ts'
import { type Receipt, decodeReceipts, encodeReceipts } from './receipt.ts'

/** Where a transaction stands in the chain. */
export interface TransactionPlace {
  readonly number: number
  readonly index: number
}

/** A block whose logs may match. */
export interface LogBlock {
  readonly number: number
  readonly logsBloom: Uint8Array
}

/** The finalised chain on the disk: blocks, receipts and the indexes that find them. */
export interface BlockStore {
  payload(number: number): Payload | undefined
  number(hash: Hex): number | undefined
  receipts(number: number): readonly Receipt[]
  place(transactionHash: Hex): TransactionPlace | undefined
  /** Blocks with logs from `from` to `to`, both included. */
  logBlocks(from: number, to: number): AsyncIterable<LogBlock>
  /** Height of the newest finalised block; undefined in an empty store. */
  finalised(): number | undefined
  /** The writes that add a finalised block. */
  add(payload: Payload, receipts: readonly Receipt[]): Write[]
}

const prefixes = {
  payload: 0x42,
  number: 0x48,
  receipts: 0x52,
  place: 0x54,
  logs: 0x4c,
  finalised: 0x46,
} as const

/** Opens the blocks in `store`. */
export function createBlockStore(store: KeyValueStore): BlockStore {
  const payloads = createTable<number, Payload>(store, {
    prefix: prefixes.payload,
    key: u64be,
    encode: encodePayload,
    decode: decodePayload,
  })
  const numbers = createTable<Hex, number>(store, {
    prefix: prefixes.number,
    key: fromHex,
    encode: u64be,
    decode: readNumber,
  })
  const receipts = createTable<number, readonly Receipt[]>(store, {
    prefix: prefixes.receipts,
    key: u64be,
    encode: encodeReceipts,
    decode: decodeReceipts,
  })
  const places = createTable<Hex, TransactionPlace>(store, {
    prefix: prefixes.place,
    key: fromHex,
    encode: ({ number, index }) => u64be((BigInt(number) << 16n) | BigInt(index)),
    decode: readPlace,
  })
  const logs = createTable<number, LogBlock>(store, {
    prefix: prefixes.logs,
    key: u64be,
    encode: ({ number, logsBloom }) => Uint8Array.of(...u64be(number), ...logsBloom),
    decode: (bytes) => ({ number: readNumber(bytes.subarray(0, 8)), logsBloom: bytes.subarray(8) }),
  })
  const heads = createTable<null, number>(store, {
    prefix: prefixes.finalised,
    key: () => new Uint8Array(),
    encode: u64be,
    decode: readNumber,
  })

  function add(payload: Payload, added: readonly Receipt[]): Write[] {
    const { number, logsBloom } = payload.header
    const writes = [
      payloads.put(number, payload),
      numbers.put(payload.blockHash, number),
      receipts.put(number, added),
      heads.put(null, number),
    ]
    if (added.some((receipt) => receipt.logs.length > 0)) {
      writes.push(logs.put(number, { number, logsBloom: fromHex(logsBloom) }))
    }
    for (const [index, receipt] of added.entries()) {
      writes.push(places.put(receipt.transactionHash, { number, index }))
    }
    return writes
  }

  return {
    payload: (number) => payloads.get(number),
    number: (hash) => numbers.get(hash),
    receipts: (number) => receipts.get(number) ?? [],
    place: (hash) => places.get(hash),
    logBlocks: (from, to) => logs.values(from, to + 1),
    finalised: () => heads.get(null),
    add,
  }
}

function readNumber(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0))
}

function readPlace(bytes: Uint8Array): TransactionPlace {
  const packed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0)
  return { number: Number(packed >> 16n), index: Number(packed & 0xffffn) }
}
