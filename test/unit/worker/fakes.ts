import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Head, JobFeed } from '#chain/client/feed.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Artifacts } from '#p2p/network.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { cidOfDigest } from '#wire/cid.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { smallSpec } from '#test/e2e/worker-world.ts'

export const engineId: Hex = `0x${'e1'.repeat(32)}`

/** A specification of the small model, and its digest. */
export function sampleSpec(): { spec: JobSpec; specDigest: Hex; bytes: Uint8Array } {
  const artifact = { cid: `bafkrei${'a'.repeat(52)}`, rows: 10, sizeBytes: 100 }
  const column = { kind: 'number', name: 'c', fill: 0, mean: 0, std: 1 } as const
  const spec: JobSpec = {
    version: 1,
    name: 'small',
    task: 'classify',
    metric: 'accuracy',
    engineId,
    splitSeed: 1,
    train: smallSpec,
    preprocessing: {
      kind: 'table',
      columns: [column],
      columnCount: 2,
      target: { kind: 'class', name: 'y', labels: ['0', '1'] },
    },
    trainSet: artifact,
    heldOut: { ...artifact, sealed: [] },
  }
  const bytes = canonicalBytes(spec)
  return { spec, specDigest: toHex(sha256(bytes)), bytes }
}

/** Artifacts that hold these files, each of one block. */
export function artifactsOf(...files: readonly Uint8Array[]): Artifacts {
  const held = new Map(files.map((bytes) => [cidOfDigest(toHex(sha256(bytes))), bytes]))
  const get: Artifacts['get'] = async (cid) => {
    const found = held.get(cid)
    if (!found) throw new AppError({ code: 'ARTIFACT_MISSING', cid })
    return found
  }
  return { get } as Artifacts
}

/** A chain that remembers what was sent, and answers reads as `answers` says. */
export function recordingChain(
  answers: Record<string, unknown>,
  refuse: Record<string, string> = {},
) {
  const sent: { call: string; args: readonly unknown[] }[] = []
  const chain: Pick<Transactor, 'read' | 'send'> = {
    read: async <T>(_contract: string, name: string) => answers[name] as T,
    async send(_contract, call, args = []) {
      sent.push({ call, args })
      const reason = refuse[call]
      if (reason !== undefined) throw new AppError({ code: 'REVERTED', reason })
      return { hash: '0x', blockNumber: 1n, gasUsed: 0n }
    },
  }
  return { chain, sent }
}

/** A feed that stands still at these views. */
export function stillFeed(views: readonly JobView[], head: Head): JobFeed {
  const never = () => () => undefined
  return {
    start: async () => undefined,
    stop: async () => undefined,
    head: () => head,
    jobs: () => views,
    job: (jobId) => views.find((view) => view.jobId === jobId),
    onChange: never,
    onHead: never,
    waitFor: () => new Promise(() => undefined),
    randomness: async () => undefined,
  }
}
