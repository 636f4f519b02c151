import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import type { ExecutionEngine } from '../engine.ts'
import type { Chain } from './chain.ts'
import { createChainCommon } from './chain-common.ts'
import { type FastCrypto, loadCrypto } from './crypto.ts'
import { createReadingMachine } from './reading-machine.ts'
import { type Replayer, createReplayer } from './replay.ts'
import { type SimulateBlocks, createSimulateBlocks } from './simulate-blocks.ts'
import { type Simulator, createSimulator } from './simulate.ts'
import { type StateView, wordOf } from './state-view.ts'
import type { Recorder } from './system-calls.ts'
import { type Decode, createDecoder } from './transaction.ts'

export interface ReadingOptions {
  readonly chainId: number
  readonly recorder: Recorder | undefined
}

/** What can be asked of a chain without changing it; code runs on a machine for reading alone. */
export interface Reading extends Pick<ExecutionEngine, 'read'> {
  readonly simulator: Simulator
  readonly simulateBlocks: SimulateBlocks
  readonly replayer: Replayer
  readonly crypto: FastCrypto
  readonly decode: Decode
}

/** Opens what answers questions about a chain that another thread makes. */
export async function createReading(chain: Chain, options: ReadingOptions): Promise<Reading> {
  const { chainId, recorder } = options
  const crypto = await loadCrypto()
  const common = createChainCommon(chainId, crypto)
  const decode = createDecoder(common, crypto)
  const turns = createReadingMachine({ common, crypto })
  return {
    simulator: createSimulator(chain, turns),
    simulateBlocks: createSimulateBlocks({ chain, turns, recorder }),
    replayer: createReplayer({ chain, turns, decode, recorder }),
    crypto,
    decode,
    read: readerOf(chain),
  }
}

/** The state after a block. Throws STATE_UNKNOWN. */
export function viewAfter(chain: Pick<Chain, 'stateAfter'>, blockHash: Hex): StateView {
  const view = chain.stateAfter(blockHash)
  if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash: blockHash })
  return view
}

/** Reads storage words of the states that a chain shows. */
export function readerOf(chain: Pick<Chain, 'stateAfter'>): ExecutionEngine['read'] {
  return async (blockHash, address, slots) => {
    const view = viewAfter(chain, blockHash)
    const account = toKey(fromHex(address))
    return slots.map((slot) => wordOf(view.slot(account, toKey(fromHex(slot)))))
  }
}
