import { type Hex, toHex } from '#base/hex.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { Simulator } from '#chain/exec/embedded/simulate.ts'

const nobody: Hex = `0x${'00'.repeat(20)}`

/** The model hash for the block after `parent`: the newest accepted result of the chain up to it. */
export function modelHashAfter(
  parent: Payload,
  chain: Pick<Chain, 'receipts'>,
  event: Genesis['modelEvent'],
): Hex {
  let newest = parent.header.extraData
  if (event === undefined) return newest
  for (const { logs } of chain.receipts(parent)) {
    for (const { address, topics, payload } of logs) {
      const topic = toHex(topics[0] ?? new Uint8Array())
      const isEvent = toHex(address) === event.address && event.topics.includes(topic)
      if (isEvent && payload.length >= 32) newest = toHex(payload.subarray(0, 32))
    }
  }
  return newest
}

/** How many jobs, audits and disputes are open after a block. */
export async function openWorkAfter(
  block: Payload,
  simulator: Simulator,
  question: Genesis['openWork'],
): Promise<bigint> {
  if (question === undefined) return 0n
  const request = { from: nobody, to: question.address, input: question.calldata }
  const outcome = await simulator.call(request, { block })
  if (outcome.kind !== 'done' || outcome.output.length !== 32) return 0n
  return BigInt(toHex(outcome.output))
}
