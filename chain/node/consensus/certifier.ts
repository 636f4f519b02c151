import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { ChainPlaces, ParentPlace } from './chain-place.ts'
import type { CheckBlock } from './checker.ts'
import type { PayloadShelf } from './payload-shelf.ts'
import type { Payloads } from './payloads.ts'
import type { Until } from './until.ts'

export interface CertifierDeps {
  readonly chain: Chain
  readonly places: ChainPlaces
  readonly payloads: Payloads
  readonly shelf: PayloadShelf
  readonly check: CheckBlock
  /** Whom the election names for the block after a place: an index in the present set. */
  readonly electedAfter: (place: ParentPlace) => Promise<number | undefined>
  readonly until: Until
  readonly clock: Clock
  readonly logger: Logger
}

export interface Certification {
  readonly root: Hex
  readonly block: ConsensusBlock
  readonly signal: AbortSignal
  /** The peer that should have the payload. */
  readonly first?: string
}

/** Blocks from the future wait until this machine's clock is so near. */
const clockSkewMs = 1_000

export type Certified = Extract<Input, { kind: 'certified' }> & { readonly payload?: Payload }

/**
 * Answers whether a block is valid once all is there that it takes to say so; undefined where it fell away.
 * A valid one's payload is on the disk before the answer, so before this node votes to finalize it.
 */
export function createCertifier(deps: CertifierDeps) {
  const { chain, places, payloads, shelf, check, clock, logger } = deps

  /** What the block stands on, or that it needs no more looking at. */
  function standing(block: ConsensusBlock): ParentPlace | 'final' | 'lost' | undefined {
    if (block.height > chain.finalised().header.number) return places.parent(block.parentRoot)
    return chain.byNumber(block.height)?.blockHash === block.executionHash ? 'final' : 'lost'
  }

  async function judge(
    { root, block }: Certification,
    { parent, payload }: { readonly parent: ParentPlace; readonly payload: Payload },
  ): Promise<Certified | undefined> {
    try {
      const fault = await check({ block, payload, parent })
      if (fault === undefined) {
        await shelf.put(payload)
        const elected = await deps.electedAfter({ root, payload })
        return { kind: 'certified', root, isValid: true, elected, payload }
      }
      logger.warn({ root, height: block.height, fault }, 'a proposed block is invalid')
      return { kind: 'certified', root, isValid: false }
    } catch (error) {
      if (codeOf(error) === 'PARENT_LOST') return undefined
      throw error
    }
  }

  /** Of a final block only its successor is of interest, if it can still be found out. */
  async function finalAnswer(root: Hex, { height }: ConsensusBlock): Promise<Certified> {
    const payload = chain.byNumber(height)
    const isKept =
      payload !== undefined && chain.stateAfter(payload.header.parentHash) !== undefined
    const elected = isKept ? await deps.electedAfter({ root, payload }) : undefined
    return { kind: 'certified', root, isValid: true, elected }
  }

  return async (certification: Certification): Promise<Certified | undefined> => {
    const { root, block, signal, first } = certification
    const parent = await deps.until(() => standing(block), signal)
    if (parent === 'lost') return undefined
    if (parent === 'final') return finalAnswer(root, block)
    const payload = await payloads.obtain(block.executionHash, { signal, first })
    const earlyMs = payload.header.timestamp * 1_000 - clockSkewMs - clock.nowMs()
    if (earlyMs > 0) await clock.sleep(earlyMs, signal)
    return judge(certification, { parent, payload })
  }
}
