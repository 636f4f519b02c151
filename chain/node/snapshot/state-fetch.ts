import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import type { SnapshotWriter, Wanted } from '#chain/exec/embedded/snapshot-writer.ts'
import type { SnapshotAsking } from './asking.ts'
import { snapshotLimits } from './limits.ts'
import { decodeState } from './protocol.ts'

/**
 * Fetches the state after a block, several parts at a time, each from whoever has it. Throws SNAPSHOT_EXPIRED
 * where a part was asked of every peer and none has it: that state is no longer kept, or all peers are gone.
 */
export async function fetchState(
  writer: SnapshotWriter,
  { asking, blockHash }: { readonly asking: SnapshotAsking; readonly blockHash: Hex },
): Promise<void> {
  async function fetchPart(wanted: Wanted): Promise<void> {
    const places = wanted.places.map(({ owner, path, isAlone }) => ({ owner, path, isAlone }))
    const codes = wanted.codes.map(toHex)
    const question = { kind: 'state', blockHash, places, codes } as const
    let isTaken = false
    const take = async (bytes: Uint8Array) => {
      const answer = decodeState(bytes)
      await writer.accept(wanted, answer.part, answer.codes)
      isTaken = true
      return true
    }
    await asking.askAny(question, take).catch((error: unknown) => {
      if (!isTaken) writer.putBack(wanted)
      throw error
    })
    if (isTaken) return
    writer.putBack(wanted)
    throw new AppError({ code: 'SNAPSHOT_EXPIRED', blockHash })
  }

  for (;;) {
    const parts: Wanted[] = []
    while (parts.length < snapshotLimits.lanes) {
      const wanted = writer.take()
      if (wanted.places.length === 0 && wanted.codes.length === 0) break
      parts.push(wanted)
    }
    if (parts.length === 0) return
    const outcomes = await Promise.allSettled(parts.map(fetchPart))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}
