import { z } from 'zod'
import { AppError, codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { ExecutionEngine } from '../engine.ts'
import type { EngineRpc } from './rpc.ts'

const blockSchema = z.object({ number: z.string(), hash: z.string(), timestamp: z.string() })
const word = z.string().regex(/^0x[0-9a-fA-F]{1,64}$/)

/** Reads of a client's states, by block. */
export interface StateReads extends Pick<ExecutionEngine, 'read' | 'balance'> {
  /** Unix seconds of a block; undefined where the client does not have it. */
  timeOf(hash: Hex): Promise<number | undefined>
}

/** Creates the reads over a client's JSON-RPC. */
export function createStateReads(reads: EngineRpc): StateReads {
  async function timeOf(hash: Hex): Promise<number | undefined> {
    const block = readAs(blockSchema.nullable(), await blockBy('eth_getBlockByHash', hash))
    return block === null ? undefined : Number(block.timestamp)
  }

  const blockBy = (method: string, name: string) =>
    reads.call(method, [name, false]).catch(ifRefused(null))

  /** By hash as EIP-1898 has it; clients without that are asked by height, if the hash stands there. */
  async function placeOf(blockHash: Hex): Promise<string> {
    const block = readAs(blockSchema.nullable(), await blockBy('eth_getBlockByHash', blockHash))
    const at = block && (await blockBy('eth_getBlockByNumber', block.number))
    const standing = readAs(blockSchema.nullable(), at ?? null)
    if (standing?.hash !== blockHash) throw new AppError({ code: 'STATE_UNKNOWN', hash: blockHash })
    return standing.number
  }

  async function wordAt(method: string, params: readonly unknown[], block: unknown): Promise<Hex> {
    const answer = readAs(word, await reads.call(method, [...params, block]))
    return `0x${answer.slice(2).toLowerCase().padStart(64, '0')}`
  }

  /** Asks in the state after a block. */
  async function inState<T>(blockHash: Hex, ask: (block: unknown) => Promise<T>): Promise<T> {
    try {
      return await ask({ blockHash })
    } catch (error) {
      if (codeOf(error) !== 'ENGINE_REFUSED') throw error
      return ask(await placeOf(blockHash))
    }
  }

  return {
    timeOf,
    read: (blockHash, address, slots) =>
      inState(blockHash, (block) =>
        Promise.all(slots.map((slot) => wordAt('eth_getStorageAt', [address, slot], block))),
      ),
    balance: (blockHash, address) =>
      inState(blockHash, async (block) => BigInt(await wordAt('eth_getBalance', [address], block))),
  }
}

/** A client's blocks, as far as is asked. */
export interface ClientChain {
  /** The hash that stands at a height of its chain. */
  hashAt(height: number): Promise<string | undefined>
  /** The height of its head. */
  height(): Promise<number>
}

/** Creates the reads of a client's chain. */
export function createClientChain(reads: EngineRpc): ClientChain {
  return {
    async hashAt(height) {
      const answer = await reads.call('eth_getBlockByNumber', [`0x${height.toString(16)}`, false])
      return readAs(blockSchema.nullable(), answer)?.hash
    },
    height: async () => Number(readAs(word, await reads.call('eth_blockNumber', []))),
  }
}

/** An answer as a schema has it. Throws ENGINE_ANSWER_INVALID. */
export function readAs<T extends z.ZodType>(schema: T, answer: unknown): z.output<T> {
  const parsed = schema.safeParse(answer)
  if (parsed.success) return parsed.data
  throw new AppError({ code: 'ENGINE_ANSWER_INVALID', reason: z.prettifyError(parsed.error) })
}

function ifRefused<T>(value: T) {
  return (error: unknown): T => {
    if (codeOf(error) !== 'ENGINE_REFUSED') throw error
    return value
  }
}
