import type { KeyValueStore, Range, Write } from './kv.ts'

const batchWrites = 4_096

/** Deletes all keys of a range, a batch after another. */
export async function clearRange(
  store: KeyValueStore,
  range: Pick<Range, 'gte' | 'lt'>,
): Promise<void> {
  let writes: Write[] = []
  for await (const [key] of store.entries(range)) {
    writes.push({ key, value: undefined })
    if (writes.length < batchWrites) continue
    await store.batch(writes)
    writes = []
  }
  if (writes.length > 0) await store.batch(writes)
}
