import { codeOf, AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { setFrom } from '#chain/core/consensus/handoff.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import { selectorOf } from '#chain/core/seated-founders.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { ConsensusStore } from '../consensus-store.ts'
import { readMembers } from '../work-reads.ts'

/** Heights in which one set of validators makes the blocks. */
export interface Epoch {
  readonly set: ValidatorSet
  /** Height of its last block, whose certificate hands over to the next set. */
  readonly lastHeight: number
  /** What leaders by stake are drawn from: the beacon before its first block. */
  readonly seed: Hex
  /** Unix seconds of the block before its first. */
  readonly beganAt: number
}

/** The epochs of a chain, as far as their sets are known here: up to that of the next block. */
export interface Epochs {
  /** Heights of an epoch. */
  readonly blocks: number
  /** The epoch of a height. Throws EPOCH_UNKNOWN. */
  at(height: number): Epoch
  /** The set of a height, also where nothing else of its epoch is known. Throws EPOCH_UNKNOWN. */
  setAt(height: number): ValidatorSet
  /**
   * The set that the block of `height` hands over to, from the state after its parent; undefined where others
   * of its epoch follow. Throws PARENT_LOST where that state is not there.
   */
  heirs(height: number, parentHash: Hex): Promise<ValidatorSet | undefined>
}

export interface EpochsDeps {
  readonly engine: Pick<EmbeddedEngine, 'chain' | 'read' | 'simulator'>
  readonly consensus: Pick<ConsensusStore, 'get' | 'rootAt' | 'setOf'>
}

const { ValidatorSet: contract } = systemAddresses
const nobody: Hex = `0x${'00'.repeat(20)}`

/** Opens the epochs of a chain. Where no contract `ValidatorSet` stands, the first epoch never ends. */
export async function openEpochs(deps: EpochsDeps): Promise<Epochs> {
  return createEpochs(deps, await readEpochBlocks(deps.engine))
}

/** The same where the heights of an epoch are known. */
export function createEpochs(
  {
    engine,
    consensus,
  }: Omit<EpochsDeps, 'engine'> & {
    readonly engine: Pick<EmbeddedEngine, 'chain' | 'read'>
  },
  blocks: number,
): Epochs {
  const epochOf = (height: number) => Math.floor(height / blocks)

  function seedOf(epoch: number): Hex | undefined {
    return epoch === 0 ? consensus.rootAt(0) : consensus.get(epoch * blocks - 1)?.block.beacon
  }

  /** Of the block before an epoch: after a snapshot it is found by its hash alone. */
  function hashBefore(epoch: number): Hex {
    const { genesisHash } = engine.chain
    if (epoch === 0) return genesisHash
    return consensus.get(epoch * blocks - 1)?.block.executionHash ?? genesisHash
  }

  function at(height: number): Epoch {
    const epoch = epochOf(height)
    const set = consensus.setOf(epoch)
    const seed = seedOf(epoch)
    const before = engine.chain.header(hashBefore(epoch))
    if (set === undefined || seed === undefined || before === undefined) {
      throw new AppError({ code: 'EPOCH_UNKNOWN', epoch, height })
    }
    return { set, lastHeight: (epoch + 1) * blocks - 1, seed, beganAt: before.timestamp }
  }

  function setAt(height: number): ValidatorSet {
    const epoch = epochOf(height)
    const set = consensus.setOf(epoch)
    if (set === undefined) throw new AppError({ code: 'EPOCH_UNKNOWN', epoch, height })
    return set
  }

  async function heirs(height: number, parentHash: Hex): Promise<ValidatorSet | undefined> {
    const { set, lastHeight } = at(height)
    if (height !== lastHeight) return undefined
    const epoch = set.epoch + 1
    try {
      return setFrom(epoch, await readMembers(engine, parentHash, epoch), set.validators)
    } catch (error) {
      if (codeOf(error) !== 'STATE_UNKNOWN') throw error
      throw new AppError({ code: 'PARENT_LOST', hash: parentHash }, { cause: error })
    }
  }

  return { blocks, at, setAt, heirs }
}

/** The contract's own figure, which no transaction changes. */
async function readEpochBlocks({ simulator, chain }: EpochsDeps['engine']): Promise<number> {
  const request = { from: nobody, to: contract, input: selectorOf('epochBlocks()') }
  const outcome = await simulator.call(request, { block: chain.finalised() })
  if (outcome.kind !== 'done' || outcome.output.length !== 32) return Number.MAX_SAFE_INTEGER
  return Number(BigInt(toHex(outcome.output)))
}
