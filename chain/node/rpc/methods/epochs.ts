import { z } from 'zod'
import type { Member, ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Seat } from '#chain/core/seats.ts'
import { readSeats } from '#chain/node/work-reads.ts'
import { type RpcContext, type RpcMethods } from '../context.ts'
import { serverError } from '../errors.ts'
import { parse } from '../params.ts'

const handoffsMax = 16
/** `untilEpoch` of a seat whose owner has not asked to leave. */
const never = 2 ** 32 - 1

const epochParam = z.int().min(0)
const countParam = z.int().min(1).max(handoffsMax).default(1)

/** Who makes the blocks now, who waits or leaves, and how each set handed over to the next. */
export function epochMethods(context: RpcContext): RpcMethods {
  const { chain, consensus, epochs, engine } = context

  /** How the validators of an epoch handed over to the next, if they did. */
  function handoff(epoch: number) {
    const next = consensus.setOf(epoch + 1)
    const final = consensus.get((epoch + 1) * epochs.blocks - 1)
    return next === undefined || final === undefined ? [] : [{ ...final, next: membersOf(next) }]
  }

  return {
    async quern_validators() {
      const { number } = chain.finalised().header
      const { set, lastHeight } = epochs.at(number + 1)
      const seats = await readSeats(engine, chain.finalised().blockHash)
      return {
        epoch: set.epoch,
        epochBlocks: epochs.blocks,
        nextEpochHeight: lastHeight + 1,
        members: membersOf(set),
        seats: seats.map(plainSeat),
      }
    },
    quern_handoffs(params) {
      const [from, count] = parse(params, epochParam, countParam)
      if (consensus.setOf(from) === undefined) throw serverError('that epoch is not known here')
      return Array.from({ length: count }, (_, i) => handoff(from + i)).flat()
    },
  }
}

function membersOf({ validators }: ValidatorSet): readonly Member[] {
  return validators.map(({ seat, address, blsKey, weight }) => ({ seat, address, blsKey, weight }))
}

function plainSeat({ stakeGwei, untilEpoch, ...seat }: Seat) {
  return {
    ...seat,
    stakeGwei: String(stakeGwei),
    untilEpoch: untilEpoch === never ? null : untilEpoch,
    isConvicted: stakeGwei === 0n,
  }
}
