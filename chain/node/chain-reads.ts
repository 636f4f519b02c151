import { type Hex, toHex } from '#base/hex.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Simulator } from '#chain/exec/embedded/simulate.ts'

const nobody: Hex = `0x${'00'.repeat(20)}`

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
