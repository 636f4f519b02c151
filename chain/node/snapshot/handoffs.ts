import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { type Handoff, faultOfHandoff } from '#chain/core/consensus/handoff.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { FinalBlock } from '../consensus-store.ts'
import { type SnapshotAsking, forged } from './asking.ts'
import { decodeHandoffs } from './protocol.ts'

export interface HandoffsDeps {
  readonly asking: SnapshotAsking
  readonly scheme: Scheme
  readonly chainId: number
}

/** The sets of a chain, from the first one on, each handed over by a quorum of the one before. */
export interface Handoffs {
  setOf(epoch: number): ValidatorSet | undefined
  sets(): readonly ValidatorSet[]
  /** The last block of each epoch that has ended. */
  finals(): readonly FinalBlock[]
  /** Follows handovers as far as some peer knows of them. */
  advance(): Promise<void>
}

/** Begins at the first set. */
export function createHandoffs(
  { asking, scheme, chainId }: HandoffsDeps,
  first: ValidatorSet,
): Handoffs {
  const sets = [first]
  const finals: FinalBlock[] = []

  /** Throws SNAPSHOT_FORGED. Gives how many there were. */
  function take(handoffs: readonly Handoff[]): number {
    for (const handoff of handoffs) {
      const set = sets.at(-1) ?? first
      const fault = faultOfHandoff(set, handoff, (certificate) =>
        isSignedByQuorum(certificate, { chainId, set, scheme }),
      )
      if (fault !== undefined) throw forged(`handoff: ${fault}`)
      sets.push(handoff.next)
      finals.push({ block: handoff.block, certificate: handoff.certificate })
    }
    return handoffs.length
  }

  /** One peer's, until it has no more: another may know of later ones. */
  async function follow(peer: string): Promise<void> {
    for (;;) {
      const question = { kind: 'handoffs', epoch: first.epoch + finals.length } as const
      const count = await asking.ask(peer, question, (bytes) => take(decodeHandoffs(bytes)))
      if (count === undefined || count === 0) return
    }
  }

  return {
    setOf: (epoch) => sets[epoch - first.epoch],
    sets: () => sets,
    finals: () => finals,
    async advance() {
      for (const peer of asking.peers()) await follow(peer)
    },
  }
}
