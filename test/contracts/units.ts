import { keccak256, parseEther } from 'viem'
import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { fromHex } from '#base/hex.ts'
import { joinArgs } from '#chain/client/seats.ts'
import type { Hex } from '#wire/primitives.ts'
import { type SegmentClaim, workWord } from '#wire/segment-claim.ts'
import type { Actor, Market } from './market.ts'

const validators = 5
const firstValidator = 200
/** Two epochs: then the seats count. */
const noticeBlocks = 512

/** Seats five validators and these workers, once; the validators can be drawn afterwards. */
export async function seatLeaders(
  market: Market,
  leaders: readonly Actor[],
): Promise<Actor['owner'][]> {
  const voters = Array.from({ length: validators }, (_, i) => market.account(firstValidator + i))
  if (await hasSeat(market, voters[0]!.address)) return voters
  for (const voter of voters) {
    await market.machine.setBalance({ address: voter.address, value: parseEther('2000') })
    await join(market, voter, true)
  }
  for (const { owner } of leaders) await join(market, owner, false)
  await market.machine.mine({ blocks: noticeBlocks })
  return voters
}

/** So many claims of a worker, of two units each. */
export function segmentsOf(count: number): SegmentClaim[] {
  const root = (name: string, i: number) => keccak256(new TextEncoder().encode(`${name} ${i}`))
  return Array.from({ length: count }, (_, i) => ({
    work: workWord({ segment: i, flops: 2_500_000_000 }),
    inputRoot: root('input', i),
    outputRoot: root('output', i),
    modelHash: root('model', i),
    stepRoot: root('steps', i),
    dataPointer: root('rows', 0),
  }))
}

async function join(market: Market, account: Actor['owner'], votes: boolean): Promise<void> {
  const seat = {
    chainId: market.chain.id,
    owner: account.address.toLowerCase() as Hex,
    blsSecret: blsSecretKey(fromHex(keccak256(account.address))),
    votes,
    peerId: '',
  }
  const args = joinArgs(await loadScheme(), seat)
  const value = parseEther(votes ? '1000' : '100')
  await market.send(account, { ...market.requestOf('ValidatorSet', 'join', args), value })
}

async function hasSeat(market: Market, owner: Hex): Promise<boolean> {
  return market.read('ValidatorSet', 'seatOf', [owner]).then(
    () => true,
    () => false,
  )
}
