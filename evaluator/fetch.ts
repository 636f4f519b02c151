import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Served } from '#compute/train/check.ts'
import type { Artifacts } from '#p2p/network.ts'
import { parseJson } from '#wire/canonical.ts'
import { cidOfDigest, codecs } from '#wire/cid.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import { transcriptFileName, transcriptSchema } from '#wire/segment.ts'

/** How long a fetch may stand still, and how long to rest before the next try. */
const stallTimeoutMs = 10_000
const restMs = 1_000
const wrongsMax = 3

/** The transcript in the directory behind a digest on chain: tries until `closing` aborts. */
export async function fetchTranscript(
  deps: { artifacts: Pick<Artifacts, 'get'>; clock: Clock },
  digest: Hex,
  options: { owner: string; closing: AbortSignal },
): Promise<Served> {
  const { owner, closing } = options
  const path = `${cidOfDigest(digest, codecs.dagPb)}/${transcriptFileName}`
  const sizeBytesMax = limits.transcriptBytesMax
  const bytes = await persist(deps.clock, closing, (bounds) =>
    deps.artifacts.get(path, { owner, sizeBytesMax, ...bounds }),
  )
  if (bytes === 'late') return 'withheld'
  return bytes === 'wrong' ? 'malformed' : parseTranscript(bytes)
}

/** A transcript's bytes; `malformed` when they are none. */
export function parseTranscript(bytes: Uint8Array): Served {
  try {
    const parsed = transcriptSchema.safeParse(parseJson(bytes, limits.transcriptBytesMax))
    return parsed.data ?? 'malformed'
  } catch {
    return 'malformed'
  }
}

/**
 * Tries to get something until `closing` aborts. `wrong`: what the CID names is not what it should be, again
 * and again; `late`: nobody served it in time.
 */
export async function persist<T>(
  clock: Clock,
  closing: AbortSignal,
  get: (options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
): Promise<T | 'wrong' | 'late'> {
  let wrongs = 0
  while (!closing.aborted) {
    try {
      return await get({ signal: closing, timeoutMs: stallTimeoutMs })
    } catch (error) {
      const code = codeOf(error)
      if (code === 'BLOCKSTORE_FULL' || code === 'FILE_FAILED') throw error
      if (isWrong(code)) wrongs += 1
      if (wrongs >= wrongsMax) return 'wrong'
    }
    await clock.sleep(restMs, closing).catch(() => undefined)
  }
  return 'late'
}

function isWrong(code: string | undefined): boolean {
  return code === 'ARTIFACT_TOO_LARGE' || code === 'ARTIFACT_INVALID' || code === 'CID_INVALID'
}
