import { codeOf, AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock, DrawnWork } from '#chain/core/consensus-block.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import { elect } from '#chain/core/election.ts'
import { type Unit, liveSegments, unitsCreated, urnRoot, workEvery } from '#chain/core/urn.ts'
import { leaderBonusGwei, leaderTipsMaxGwei, workRules } from '#chain/core/work-rules.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { type WorkView, readElected, readWork } from '../work-reads.ts'
import type { ChainPlaces, ParentPlace } from './chain-place.ts'

/** The unit that a height's election drew, as its block has to name it. */
export interface Draw {
  readonly work: DrawnWork
  readonly modelHash: Hex
}

/**
 * The unit drawn for the block after `parent`; none at a height that goes by stake. It follows from the parent
 * and its ancestors alone, so every node finds the same. Throws PARENT_LOST where they fell away meanwhile.
 */
export type DrawAfter = (parent: ParentPlace) => Promise<Draw | undefined>

export interface ElectingDeps {
  readonly engine: Pick<EmbeddedEngine, 'read' | 'chain'>
  readonly places: Pick<ChainPlaces, 'lineage'>
}

const rememberedMax = 16

/** Creates the draws of one chain. Builder, checker and core ask for the same ones: the last are remembered. */
export function createElecting({ engine, places }: ElectingDeps, chainId: number): DrawAfter {
  const known = new Map<Hex, Promise<Draw | undefined>>()

  async function drawAt(parent: ParentPlace): Promise<Draw | undefined> {
    const { header } = parent.payload
    if (header.number === 0) return undefined // there is no state two heights back
    const height = header.number + 1
    const view = await readWork(engine, header.parentHash, height)
    const ancestors = spentBy(places.lineage(parent.root, header.number), height)
    const place = { chainId, height, parentBeacon: header.prevRandao }
    const election = elect(place, view.facts, ancestors.units)
    if (election.kind === 'stake') return undefined
    const entry = await readElected(engine, header.parentHash, view, election.unit)
    if (entry === undefined) throw new AppError({ code: 'UNIT_UNKNOWN', height })
    const { segmentId, jobId, segment, flops, modelHash } = entry
    const what = { segmentId, j: election.unit.j, seat: election.seat, jobId, segment }
    const pay = payOf(view, height, ancestors)
    return { modelHash, work: { ...what, flops: String(flops), ...pay } }
  }

  async function draw(parent: ParentPlace): Promise<Draw | undefined> {
    try {
      return await drawAt(parent)
    } catch (error) {
      known.delete(parent.root)
      const isLost = engine.chain.byHash(parent.payload.blockHash) === undefined
      if (codeOf(error) !== 'STATE_UNKNOWN' || !isLost) throw error
      throw new AppError({ code: 'PARENT_LOST', hash: parent.payload.blockHash })
    }
  }

  return (parent) => {
    const drawn = known.get(parent.root) ?? draw(parent)
    known.set(parent.root, drawn)
    const [oldest] = known.keys()
    if (known.size > rememberedMax && oldest !== undefined) known.delete(oldest)
    return drawn
  }
}

/** The member that may lead by a drawn unit, if it sits in the set; else the leader by stake does. */
export function electedIn(set: ValidatorSet, draw: Draw | undefined): number | undefined {
  return set.validators.find(({ seat }) => seat === draw?.work.seat)?.index
}

interface Spent {
  readonly units: readonly Unit[]
  /** Heights since a unit was drawn, as far as units live. */
  readonly heightsSince: number
}

function spentBy(lineage: Iterable<ConsensusBlock>, height: number): Spent {
  const units: Unit[] = []
  let heightsSince: number | undefined
  for (const block of lineage) {
    if (block.work !== undefined) {
      heightsSince ??= height - block.height
      units.push({ segmentId: block.work.segmentId, j: block.work.j })
    }
    if (height - block.height >= workRules.liveHeights) break // older ones may not be here
  }
  return { units, heightsSince: heightsSince ?? workRules.liveHeights }
}

function payOf({ facts }: WorkView, height: number, { units, heightsSince }: Spent) {
  const every = Math.min(workEvery(facts, height), heightsSince)
  const place = { ...facts, unitsCreated: unitsCreated(facts, height), every }
  return {
    urnRoot: urnRoot(liveSegments(facts, height, units)),
    bonusGwei: String(leaderBonusGwei(place)),
    tipsMaxGwei: String(leaderTipsMaxGwei(place)),
  }
}
