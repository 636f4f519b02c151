import { type Hex, fromHex } from '#base/hex.ts'
import { type Payload, decodePayload, encodePayload } from '#chain/core/payload.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createTable } from '#store/table.ts'

/**
 * Payloads of blocks that are not final yet, on the disk before this node votes for them: when all nodes are
 * killed at once, what they notarized can still be run.
 */
export interface PayloadShelf {
  get(hash: Hex): Payload | undefined
  /** On the disk when this resolves. */
  put(payload: Payload): Promise<void>
  /** Forgets payloads of heights up to `height`. */
  prune(height: number): Promise<void>
}

const prefix = 0x50

/** Opens the shelf in `store`. */
export async function openPayloadShelf(store: KeyValueStore): Promise<PayloadShelf> {
  const table = createTable<Hex, Payload>(store, {
    prefix,
    key: fromHex,
    encode: encodePayload,
    decode: decodePayload,
  })
  const open = new Map<Hex, Payload>()
  for await (const payload of table.values('0x', undefined)) open.set(payload.blockHash, payload)

  return {
    get: (hash) => open.get(hash),
    async put(payload) {
      if (open.has(payload.blockHash)) return
      await store.batch([table.put(payload.blockHash, payload)], { sync: true })
      open.set(payload.blockHash, payload)
    },
    async prune(height) {
      const old = [...open.values()].filter(({ header }) => header.number <= height)
      if (old.length === 0) return
      await store.batch(old.map(({ blockHash }) => table.delete(blockHash)))
      for (const { blockHash } of old) open.delete(blockHash)
    },
  }
}
