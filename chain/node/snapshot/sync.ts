import { utf8 } from '#base/bytes.ts'
import type { Clock } from '#base/clock.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { codeOf } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { SnapshotTarget } from '#chain/exec/embedded/snapshot.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { type FinalBlock, openConsensusStore } from '../consensus-store.ts'
import type { ConsensusNetwork } from '../consensus/gossip.ts'
import { type PayloadShelf, openPayloadShelf } from '../consensus/payload-shelf.ts'
import { createPayloads } from '../consensus/payloads.ts'
import { createSnapshotAsking } from './asking.ts'
import { snapshotLimits } from './limits.ts'
import { createHandoffs } from './handoffs.ts'
import { type Records, createRecords } from './records.ts'
import { fetchState } from './state-fetch.ts'

export interface SnapshotSyncDeps {
  readonly store: KeyValueStore
  readonly target: SnapshotTarget
  readonly network: ConsensusNetwork
  readonly scheme: Scheme
  readonly clock: Clock
  readonly logger: Logger
}

export interface SnapshotSyncOptions {
  readonly chainId: number
  /** A consensus root or block hash of the chain's past that its user believes in. */
  readonly trust: Hex
  readonly genesisRoot: Hex
  readonly founders: ValidatorSet
  /** What lasts with the chain, or not at all. */
  readonly writes: readonly Write[]
  readonly signal: AbortSignal
}

/** What was trusted when a snapshot was begun and not ended; its store holds no chain yet. */
export function unfinishedTrust(store: KeyValueStore): Hex | undefined {
  return trustTable(store).get(null)
}

const trustTable = (store: KeyValueStore) =>
  createTable<null, Hex>(store, {
    prefix: 0x53,
    key: () => utf8(''),
    encode: fromHex,
    decode: toHex,
  })

/**
 * Begins a chain in an empty store: finds the newest final block that peers have, sees that the trusted hash is
 * of its past, fetches the state a few blocks before it and what else the next blocks need. After a crash it
 * goes on with what was fetched. Gives the height whose state it is; 0 where the chain is too short to need this.
 * Throws TRUST_UNKNOWN; waits for peers as long as there are none.
 */
export async function syncSnapshot(
  deps: SnapshotSyncDeps,
  options: SnapshotSyncOptions,
): Promise<number> {
  const { store, clock } = deps
  await store.batch([trustTable(store).put(null, options.trust)], { sync: true })
  const shelf = await openPayloadShelf(store)
  const attempt = createAttempt({ ...deps, shelf }, options)
  for (;;) {
    options.signal.throwIfAborted()
    const height = await attempt()
    if (height !== undefined) return height
    await clock.sleep(snapshotLimits.roundDelayMs, options.signal)
  }
}

/** Creates the step that is made until it succeeds: undefined where peers did not help or their state is gone. */
function createAttempt(
  deps: SnapshotSyncDeps & { readonly shelf: PayloadShelf },
  options: SnapshotSyncOptions,
) {
  const { store, shelf, target, scheme, logger } = deps
  const { chainId, signal, founders } = options
  const asking = createSnapshotAsking(deps, { chainId, signal })
  const handoffs = createHandoffs({ asking, scheme, chainId }, founders)
  const records = createRecords({ asking, scheme, chainId, setOf: handoffs.setOf })
  const isPastTrusted = createTrustCheck(records, { ...options, ...target })
  const payloads = createPayloads({ ...deps, ...nothingHere(target) }, chainId)

  return async (): Promise<number | undefined> => {
    await handoffs.advance()
    const tip = await records.newest()
    if (tip === undefined || !(await isPastTrusted(tip))) return undefined
    const { marginBlocks, recordsKept } = snapshotLimits
    if (tip.block.height <= 2 * marginBlocks) {
      await store.batch([trustTable(store).delete(null)], { sync: true })
      return 0
    }
    const below = await records.below(tip, marginBlocks + recordsKept)
    const [next, pivot] = below?.slice(marginBlocks - 2) ?? []
    if (below === undefined || next === undefined || pivot === undefined) return undefined
    const { height, executionHash: blockHash } = pivot.block
    logger.info({ height, blockHash }, 'a snapshot is fetched')
    const payload = await payloads.obtain(blockHash, { signal })
    await shelf.put(await payloads.obtain(next.block.executionHash, { signal }))
    const writer = target.fetchState(payload.header.stateRoot)
    const isHere = await fetchState(writer, { asking, blockHash }).then(() => true, ifExpired)
    if (!isHere) return undefined
    const kept = below.slice(marginBlocks - 1)
    const lastOnes = handoffs.finals().filter(({ block }) => block.height < height)
    const beforeEpoch = lastOnes.at(-1)?.block.executionHash
    await target.finish(payload, {
      ancestors: ancestorsOf(kept, target.genesisHash),
      blocks: beforeEpoch === undefined ? [] : [await payloads.obtain(beforeEpoch, { signal })],
      // The next block is run when the chain is opened: elections read the state before the newest final one.
      writes: [
        ...openConsensusStore(store, options.genesisRoot).begin({
          finals: [...lastOnes, next, ...kept],
          sets: handoffs.sets(),
          oldest: kept.at(-1)?.block.height ?? height,
        }),
        ...options.writes,
        trustTable(store).delete(null),
      ],
      signal,
    })
    logger.info({ height, ...writer.counts() }, 'the chain begins with a snapshot')
    return height
  }
}

/** Whether the chain up to a block has the trusted hash in its past; looked for once. */
function createTrustCheck(
  records: Records,
  {
    trust,
    genesisRoot,
    genesisHash,
  }: Pick<SnapshotSyncOptions, 'trust' | 'genesisRoot'> & { readonly genesisHash: Hex },
) {
  let isFound = false
  return async (tip: FinalBlock): Promise<boolean> => {
    isFound ||= (await records.findTrusted(tip, { hash: trust, genesisRoot, genesisHash })) === true
    return isFound
  }
}

/** A node that holds no payloads itself. */
function nothingHere({ crypto }: SnapshotTarget) {
  return {
    engine: { crypto, chain: { byHash: () => undefined } },
    shelf: { get: () => undefined },
  }
}

/** Hashes of the pivot's ancestors, as far back as a block may ask for them. */
function ancestorsOf(kept: readonly FinalBlock[], genesisHash: Hex): ReadonlyMap<number, Hex> {
  const [, ...before] = kept
  const hashes = new Map(before.map(({ block }) => [block.height, block.executionHash]))
  if (hashes.has(1) || kept[0]?.block.height === 1) hashes.set(0, genesisHash)
  return hashes
}

function ifExpired(error: unknown): false {
  if (codeOf(error) !== 'SNAPSHOT_EXPIRED') throw error
  return false
}
