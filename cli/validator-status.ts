import type { Command } from 'commander'
import { z } from 'zod'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { type OwnSeat, seatOf } from '#chain/client/seats.ts'
import { createReader } from '#chain/client/transactor.ts'
import { memberSchema } from '#chain/core/consensus/codec.ts'
import { count } from '#wire/primitives.ts'
import { accessOf } from './compose.ts'
import type { Context } from './context.ts'
import { weiToTrain } from './job/terms.ts'
import { addressOf } from './owner.ts'

const validatorsSchema = z.object({
  epoch: count,
  nextEpochHeight: count,
  members: z.array(memberSchema),
})
type Validators = z.infer<typeof validatorsSchema>

/** Prints what the chain says of an account's seat and of the present epoch: `quern validator status`. */
export async function showSeat(context: Context, command: Command): Promise<void> {
  const network = await context.networkToRead(command)
  const { account } = command.opts<{ account: string }>()
  const owner = await addressOf(context, account, network)
  const access = accessOf(network)
  const seat = await seatOf(createReader(access), owner)
  const answer = await createHttpRpc(access.rpcUrl)('quern_validators', [])
  const { epoch, nextEpochHeight, members } = validatorsSchema.parse(answer)
  const own = members.find(({ address }) => address === owner)
  const totalWeight = members.reduce((sum, { weight }) => sum + weight, 0)
  const voters = members.filter(({ weight }) => weight > 0).length
  const event = {
    event: 'validator',
    owner,
    seat: seat?.seat ?? null,
    state: stateOf(seat, epoch),
    stakeWei: seat?.stakeWei ?? 0n,
    fromEpoch: seat?.fromEpoch ?? null,
    untilEpoch: seat?.untilEpoch ?? null,
    readyAt: seat?.readyAt ?? 0,
    epoch,
    nextEpochHeight,
    isMember: own !== undefined,
    weight: own?.weight ?? 0,
    totalWeight,
    voters,
  }
  const place = own === undefined ? 'not in its set' : `weight ${own.weight} of ${totalWeight}`
  const text = [
    `owner  ${owner}`,
    seat === undefined
      ? 'seat   none; "quern validator deposit" takes one'
      : `seat   ${seat.seat}, ${event.state}, ${weiToTrain(seat.stakeWei)} coin`,
    ...timesOf(seat),
    `epoch  ${epoch} until height ${nextEpochHeight - 1}, ${voters} voters; ${place}`,
  ]
  context.output.print(event, text.join('\n'))
}

type State = 'none' | 'waiting' | 'in force' | 'leaving' | 'left' | 'convicted'

function stateOf(seat: OwnSeat | undefined, epoch: Validators['epoch']): State {
  if (seat === undefined) return 'none'
  if (seat.stakeWei === 0n) return 'convicted'
  if (seat.untilEpoch !== undefined) return epoch < seat.untilEpoch ? 'leaving' : 'left'
  return epoch < seat.fromEpoch ? 'waiting' : 'in force'
}

function timesOf(seat: OwnSeat | undefined): readonly string[] {
  if (seat === undefined) return []
  const until = seat.untilEpoch === undefined ? '' : `, up to ${seat.untilEpoch - 1}`
  const free = seat.readyAt === 0 ? '' : `; free at ${new Date(seat.readyAt * 1_000).toISOString()}`
  return [`       from epoch ${seat.fromEpoch}${until}${free}`]
}
