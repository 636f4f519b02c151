import type { Clock } from '#base/clock.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import type { Hex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { genesisRoot } from '#chain/core/consensus-block.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import { openSnapshotTarget } from '#chain/exec/embedded/snapshot.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { checkFounders, firstSetOf, validatorKeyOf } from '../consensus/founders.ts'
import type { ConsensusNetwork } from '../consensus/gossip.ts'
import { silentNetwork } from '../consensus/silent-network.ts'
import { openSeatedFounders } from '../set-store.ts'
import { readMembers } from '../work-reads.ts'
import { syncSnapshot, unfinishedTrust } from './sync.ts'

export interface BeginDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly network?: ConsensusNetwork | undefined
}

export interface BeginOptions {
  readonly trust?: Hex | undefined
  readonly validatorKey?: Uint8Array | undefined
}

/**
 * Fetches a snapshot where the user asks for one, or did when a start was broken off, and there is no chain yet.
 * Throws TRUST_UNKNOWN, POSSESSION_FALSE, VALIDATORS_MISSING.
 */
export async function beginWithSnapshot(
  { clock, logger, network = silentNetwork }: BeginDeps,
  options: BeginOptions,
  {
    store,
    genesis,
    signal,
  }: { readonly store: KeyValueStore; readonly genesis: Genesis; readonly signal: AbortSignal },
): Promise<void> {
  const trust = unfinishedTrust(store) ?? options.trust
  if (trust === undefined) return
  const target = await openSnapshotTarget(store, genesis)
  if ((target.finalised() ?? 0) > 0) return
  const scheme = await loadScheme()
  checkFounders(genesis, scheme)
  const key = options.validatorKey && validatorKeyOf(options.validatorKey)
  const seated = await readMembers(target, target.genesisHash, 0)
  const founders = firstSetOf(seated, { scheme, genesis, key })
  const root = genesisRoot(target.genesisHash, founders.validators)
  const { chainId } = genesis
  const parts = { store, target, network, scheme, clock, logger }
  const writes = [openSeatedFounders(store).put(null, seated)]
  await syncSnapshot(parts, { chainId, trust, genesisRoot: root, founders, writes, signal })
}
