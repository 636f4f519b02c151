import { u64be } from '#base/bytes.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
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

/** What a chain that begins with a snapshot knows of the blocks before. */
export interface Past {
  /** Hashes, which contracts may ask for. */
  readonly ancestors: ReadonlyMap<number, Hex>
  /** Blocks that are looked at by hash. */
  readonly blocks: readonly Payload[]
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
  /** The lowest height above the genesis that is still whole. */
  oldest(): number
  /** Hash of a block below `oldest`, where it is kept for the blocks that may ask for it. */
  ancestorHash(number: number): Hex | undefined
  /** The writes that add a finalised block. */
  add(payload: Payload, receipts: readonly Receipt[]): Write[]
  /** The writes that forget whole blocks below a height, a few at a time: their bodies, receipts and indexes. */
  prune(below: number): Write[]
  /** The writes after which the chain begins at `pivot`, with what is known of blocks before it. */
  begin(pivot: Payload, past: Past): Write[]
}

const prefixes = {
  payload: 0x42,
  number: 0x48,
  receipts: 0x52,
  place: 0x54,
  logs: 0x4c,
  finalised: 0x46,
  oldest: 0x4f,
  ancestor: 0x41,
} as const
/** Blocks forgotten with each one added: after the limit was lowered, disk is freed over a while. */
const prunedMax = 8

/** Opens the blocks in `store`. */
export function createBlockStore(store: KeyValueStore): BlockStore {
  const tables = openTables(store)
  const { payloads, numbers, receipts, places, logs, heads, ancestors } = tables

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
    oldest: () => oldestIn(tables),
    ancestorHash: (number) => ancestors.get(number),
    add,
    prune: (below) => pruneIn(tables, below),
    begin: (pivot, past) => beginIn(tables, pivot, past),
  }
}

type Tables = ReturnType<typeof openTables>

function openTables(store: KeyValueStore) {
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

  const oldests = createTable<null, number>(store, {
    prefix: prefixes.oldest,
    key: () => new Uint8Array(),
    encode: u64be,
    decode: readNumber,
  })
  const ancestors = createTable<number, Hex>(store, {
    prefix: prefixes.ancestor,
    key: u64be,
    encode: fromHex,
    decode: toHex,
  })
  return { payloads, numbers, receipts, places, logs, heads, oldests, ancestors }
}

function oldestIn({ oldests }: Tables): number {
  return oldests.get(null) ?? 1
}

function pruneIn(tables: Tables, below: number): Write[] {
  const { payloads, numbers, receipts, places, logs, oldests } = tables
  const from = oldestIn(tables)
  const to = Math.min(below, from + prunedMax)
  if (to <= from) return []
  const writes = [oldests.put(null, to)]
  for (let number = from; number < to; number += 1) {
    const payload = payloads.get(number)
    if (payload === undefined) continue
    const indexed = receipts.get(number) ?? []
    writes.push(payloads.delete(number), numbers.delete(payload.blockHash))
    writes.push(receipts.delete(number), logs.delete(number))
    writes.push(...indexed.map(({ transactionHash }) => places.delete(transactionHash)))
  }
  return writes
}

function beginIn(tables: Tables, pivot: Payload, past: Past): Write[] {
  const { payloads, numbers, heads, oldests, ancestors } = tables
  const { number } = pivot.header
  const whole = [...past.blocks, pivot].flatMap((block) => [
    payloads.put(block.header.number, block),
    numbers.put(block.blockHash, block.header.number),
  ])
  const hashes = [...past.ancestors].map(([height, hash]) => ancestors.put(height, hash))
  return [...whole, ...hashes, heads.put(null, number), oldests.put(null, number + 1)]
}

function readNumber(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0))
}

function readPlace(bytes: Uint8Array): TransactionPlace {
  const packed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0)
  return { number: Number(packed >> 16n), index: Number(packed & 0xffffn) }
}
