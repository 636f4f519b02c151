import { type PublicClient, createPublicClient, getAbiItem, http } from 'viem'
import { AppError } from '#base/error.ts'
import { workerRegistryAbi } from '#wire/abi/workerRegistry.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ChainAccess } from './transactor.ts'

/** Which operator keys an owner has had: a signature stays good when the key behind it is replaced later. */
export interface Operators {
  /** All keys registered for the owner in finalised blocks up to a height, oldest first. */
  operatorsOf(owner: Hex, untilBlock: bigint): Promise<readonly Hex[]>
}

const registered = getAbiItem({ abi: workerRegistryAbi, name: 'Registered' })
const rangesMax = 10_000
const blocksLeast = 500n

/** Reads them from the registry's events; where a node limits the range of blocks, in halves of it. */
export function createOperators(access: ChainAccess): Operators {
  const rpc = createPublicClient({
    transport: http(access.rpcUrl, { timeout: 10_000, retryCount: 1 }),
  })
  const address = access.contracts.WorkerRegistry

  async function operatorsOf(owner: Hex, untilBlock: bigint): Promise<readonly Hex[]> {
    const found: Hex[] = []
    let size = untilBlock + 1n
    let fromBlock = 0n
    for (let range = 0; fromBlock <= untilBlock; range += 1) {
      if (range >= rangesMax) throw new AppError({ code: 'RPC_FAILED', reason: 'too many ranges' })
      const last = fromBlock + size - 1n
      const toBlock = last < untilBlock ? last : untilBlock
      try {
        found.push(...(await readOperators(rpc, { address, owner, fromBlock, toBlock })))
        fromBlock = toBlock + 1n
      } catch (error) {
        if (size <= blocksLeast) throw failure(error)
        size = size / 2n
      }
    }
    return [...new Set(found)]
  }

  return { operatorsOf }
}

async function readOperators(
  rpc: PublicClient,
  { address, owner, ...range }: { address: Hex; owner: Hex; fromBlock: bigint; toBlock: bigint },
): Promise<Hex[]> {
  const logs = await rpc.getLogs({ address, event: registered, args: { owner }, ...range })
  return logs.flatMap(({ args }) => (args.operator ? [args.operator.toLowerCase() as Hex] : []))
}

function failure(error: unknown): AppError {
  return new AppError({ code: 'RPC_DOWN', retryable: true }, { cause: error })
}
