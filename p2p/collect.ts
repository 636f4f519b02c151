import type { Helia } from 'helia'
import { CID } from 'multiformats/cid'
import { blockKey, type BlockStore } from './block-store.ts'
import { linksOf } from './helia.ts'

const rawCode = 0x55

/** Deletes every block that no pinned artifact reaches. Nothing may be written meanwhile. */
export async function collectBlocks(
  helia: Helia,
  store: BlockStore,
  pinned: Iterable<string>,
): Promise<{ freedBytes: number }> {
  const kept = new Set<string>()
  for (const cid of pinned) {
    for await (const { key } of walk(helia, store, CID.parse(cid), kept)) kept.add(key)
  }
  let freedBytes = 0
  for (const block of await store.list()) {
    if (kept.has(block.key)) continue
    await store.remove(block)
    freedBytes += block.sizeBytes
  }
  return { freedBytes }
}

/** Whether every block of the artifact is held. */
export async function holdsAll(helia: Helia, store: BlockStore, root: CID): Promise<boolean> {
  for await (const { isHeld } of walk(helia, store, root, new Set())) if (!isHeld) return false
  return true
}

/** Visits an artifact's blocks as far as they are held, skipping subtrees already `seen`. */
async function* walk(
  helia: Helia,
  store: BlockStore,
  root: CID,
  seen: ReadonlySet<string>,
): AsyncGenerator<{ key: string; isHeld: boolean }> {
  const open = [root]
  for (let cid = open.pop(); cid !== undefined; cid = open.pop()) {
    const key = blockKey(cid)
    if (seen.has(key)) continue
    if (cid.code === rawCode) {
      yield { key, isHeld: await store.has(cid) }
      continue
    }
    const bytes = await store.read(cid)
    yield { key, isHeld: bytes !== undefined }
    if (bytes !== undefined) open.push(...(await linksOf(helia, cid, bytes)))
  }
}
