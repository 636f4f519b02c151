import { join } from 'node:path'
import type { Command } from 'commander'
import { privateKeyToAccount } from 'viem/accounts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import { type OwnSeat, joinArgs, seatOf } from '#chain/client/seats.ts'
import { type Transactor, createTransactor } from '#chain/client/transactor.ts'
import { validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { peerIdOfKeyFile } from '#p2p/peer-key.ts'
import { accessOf } from './compose.ts'
import { askToSign } from './confirm.ts'
import type { Context } from './context.ts'
import { peerKeyFileName } from './genesis-file.ts'
import { trainToWei, weiToTrain } from './job/terms.ts'
import { openKey } from './signer.ts'

interface SeatFlags {
  readonly account: string
  readonly amount?: string
  readonly leader?: boolean
  readonly peerId?: string
  readonly yes?: boolean
}

interface Owner {
  readonly flags: SeatFlags
  readonly chainId: number
  readonly privateKey: Uint8Array
  readonly transactor: Transactor
}

const weiPerGwei = 1_000_000_000n

async function ownerOf(context: Context, command: Command): Promise<Owner> {
  const network = await context.network(command)
  const { passwordFile } = await context.settings(command)
  const flags = command.opts<SeatFlags>()
  const { chainId } = network
  const { account } = flags
  const privateKey = await openKey({ account, dataDir: context.dataDir(), chainId, passwordFile })
  const transactor = createTransactor(accessOf(network), privateKeyToAccount(toHex(privateKey)))
  return { flags, chainId, privateKey, transactor }
}

/**
 * Takes a seat: `quern validator deposit`. Throws SEAT_EXISTS, STAKE_TOO_SMALL, COIN_MISSING, NOT_SIGNED, and what
 * the contract says.
 */
export async function takeSeat(context: Context, command: Command): Promise<void> {
  const owner = await ownerOf(context, command)
  const { flags, transactor, chainId, privateKey } = owner
  const votes = flags.leader !== true
  const known = await seatOf(transactor, transactor.address)
  if (known !== undefined) {
    const message = `this account has seat ${known.seat}; "quern validator status" shows it`
    throw new AppError({ code: 'SEAT_EXISTS', seat: known.seat, message })
  }
  const stakeWei = await stakeOf(owner, votes)
  const { blsSecret } = validatorKeyOf(privateKey)
  const peerId = flags.peerId ?? (await peerIdOfKeyFile(join(context.dataDir(), peerKeyFileName)))
  const what = votes ? 'a vote' : 'the lead of blocks that its work wins'
  await agree(
    context,
    flags,
    `Stake ${weiToTrain(stakeWei)} coin of ${transactor.address} for ${what}?`,
  )
  const wanted = { chainId, owner: transactor.address, blsSecret, votes, peerId }
  const args = joinArgs(await loadScheme(), wanted)
  await transactor.send('ValidatorSet', 'join', args, { valueWei: stakeWei })
  const seat = await needSeat(transactor)
  const text = [
    `seat ${seat.seat} with ${weiToTrain(stakeWei)} coin, from epoch ${seat.fromEpoch} on`,
    `keep its node running: quern node start --validator ${flags.account}`,
  ]
  context.output.print({ event: 'seated', ...plainOf(seat), peerId }, text.join('\n'))
}

async function stakeOf({ flags, transactor }: Owner, votes: boolean): Promise<bigint> {
  const name = votes ? 'stakeMinGwei' : 'bondMinGwei'
  const leastWei = (await transactor.read<bigint>('ValidatorSet', name)) * weiPerGwei
  const stakeWei = flags.amount === undefined ? leastWei : trainToWei(flags.amount)
  if (stakeWei < leastWei) {
    const message = `the chain asks for ${weiToTrain(leastWei)} coin at least; give --amount ${weiToTrain(leastWei)} or more`
    throw new AppError({ code: 'STAKE_TOO_SMALL', leastWei, message })
  }
  const balanceWei = await transactor.balance()
  if (balanceWei <= stakeWei) {
    const message = `${transactor.address} has ${weiToTrain(balanceWei)} coin; it needs ${weiToTrain(stakeWei)} and a little for fees: send it some`
    throw new AppError({ code: 'COIN_MISSING', balanceWei, stakeWei, message })
  }
  return stakeWei
}

/** Asks to leave: `quern validator exit`. Throws SEAT_MISSING, ALREADY_LEAVING, NOT_SIGNED. */
export async function leaveSeat(context: Context, command: Command): Promise<void> {
  const { flags, transactor } = await ownerOf(context, command)
  const { seat, readyAt } = await needSeat(transactor)
  if (readyAt !== 0) {
    const message = `seat ${seat} is leaving already; its stake is free at ${timeOf(readyAt)}`
    throw new AppError({ code: 'ALREADY_LEAVING', seat, readyAt, message })
  }
  await agree(context, flags, `Give up seat ${seat}?`)
  await transactor.send('ValidatorSet', 'exit')
  const left = await needSeat(transactor)
  const text = [
    `seat ${seat} counts up to epoch ${(left.untilEpoch ?? 0) - 1}: keep its node running until then`,
    `its stake is free at ${timeOf(left.readyAt)}: quern validator withdraw`,
  ]
  context.output.print({ event: 'leaving', ...plainOf(left) }, text.join('\n'))
}

/** Takes the stake back: `quern validator withdraw`. Throws SEAT_MISSING, NOT_LEAVING, STILL_BOUND. */
export async function freeSeat(context: Context, command: Command): Promise<void> {
  const { transactor } = await ownerOf(context, command)
  const seat = await needSeat(transactor)
  if (seat.readyAt === 0) {
    const message = `seat ${seat.seat} is in force; "quern validator exit" asks to leave`
    throw new AppError({ code: 'NOT_LEAVING', seat: seat.seat, message })
  }
  try {
    await transactor.send('ValidatorSet', 'free', [BigInt(seat.seat)])
  } catch (error) {
    if (!(error instanceof AppError) || error.fields['reason'] !== 'StillBound') throw error
    const message = `the stake of seat ${seat.seat} is free at ${timeOf(seat.readyAt)}, and from epoch ${seat.untilEpoch} on`
    throw new AppError({ code: 'STILL_BOUND', readyAt: seat.readyAt, message }, { cause: error })
  }
  const { stakeWei } = seat
  const text = `seat ${seat.seat} is free; ${weiToTrain(stakeWei)} coin paid to ${transactor.address}`
  context.output.print({ event: 'freed', seat: seat.seat, paidWei: stakeWei }, text)
}

async function needSeat(transactor: Transactor): Promise<OwnSeat> {
  const seat = await seatOf(transactor, transactor.address)
  if (seat !== undefined) return seat
  const message = `${transactor.address} has no seat; "quern validator deposit" takes one`
  throw new AppError({ code: 'SEAT_MISSING', owner: transactor.address, message })
}

async function agree(context: Context, { yes }: SeatFlags, question: string): Promise<void> {
  context.output.print({ event: 'question', question }, question)
  if (yes === true || (await askToSign('Sign?'))) return
  throw new AppError({ code: 'NOT_SIGNED', message: 'nothing was signed' })
}

function plainOf({ untilEpoch, ...seat }: OwnSeat) {
  return { ...seat, untilEpoch: untilEpoch ?? null }
}

/** Unix seconds as people and programs read them. */
function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}
