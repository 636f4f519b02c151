import type { GenesisInput } from '#chain/core/genesis.ts'
import { developmentGenesisOf } from '#cli/local-validators.ts'
import { type PlacedUrn, urnStorage } from '#test/unit/chain/node/urn-storage.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { call } from './chain-process.ts'

const { WorkLedger } = systemAddresses
const firstLeaderSeat = 128
const unitsEach = 128

/** What `quern_elections` says of a height. */
export interface ElectionOfHeight {
  readonly height: number
  readonly mode: 'stake' | 'work'
  readonly leader: string
  readonly modelHash: string
  readonly work: {
    readonly segmentId: string
    readonly j: number
    readonly seat: number
    readonly bonusGwei: string
  } | null
}

/**
 * The genesis of a development chain whose urn is full from the beginning: a segment of each of so many workers'
 * owners, as it would stand in the ledger after jobs of theirs.
 */
export async function urnGenesis(
  validators: number,
  { leaders, ...urn }: PlacedUrn & { readonly leaders: number },
): Promise<GenesisInput> {
  const genesis = await developmentGenesisOf(validators)
  const segments = Array.from({ length: leaders }, (_, i) => ({
    seat: firstLeaderSeat + i,
    units: unitsEach,
  }))
  const storage = urnStorage(segments, { unitPriceGwei: 1_000_000n, ...urn })
  return {
    ...genesis,
    contracts: genesis.contracts.filter(({ address }) => address !== WorkLedger),
    accounts: [...genesis.accounts, { address: WorkLedger, storage }],
  }
}

/** The elections of these heights, as a node tells them. */
export async function electionsOf(
  url: string,
  from: number,
  to: number,
): Promise<readonly ElectionOfHeight[]> {
  const { result } = await call(url, 'quern_elections', [from, to - from + 1])
  return result as readonly ElectionOfHeight[]
}
