import type { Common } from '@ethereumjs/common'
import { type EVM, createEVM } from '@ethereumjs/evm'
import { Address } from '@ethereumjs/util'
import { fromHex } from '#base/hex.ts'
import type { Header } from '#chain/core/header.ts'
import type { FastCrypto } from './crypto.ts'
import { type FlatState, createFlatState } from './flat-state.ts'
import { useFastLoop } from './interpreter/loop.ts'
import { loadCurves, useBn254 } from './precompiles/curves.ts'
import { fastPrecompiles } from './precompiles/fast.ts'
import { type StateView, emptyView } from './state-view.ts'

/** The header fields that code can see. */
export type BlockEnvironment = Pick<
  Header,
  | 'number'
  | 'timestamp'
  | 'gasLimit'
  | 'baseFeePerGas'
  | 'feeRecipient'
  | 'prevRandao'
  | 'parentHash'
  | 'parentBeaconBlockRoot'
>

/** Hash of the canonical block of a height, as seen from the block that runs. */
export type HashOf = (number: number) => Uint8Array | undefined

/** The block as the interpreter wants it. */
export type EvmBlock = NonNullable<Parameters<EVM['runCall']>[0]['block']>

/** An interpreter with a state of its own; one thing runs in it at a time. */
export interface Machine {
  readonly evm: EVM
  readonly state: FlatState
  readonly common: Common
  readonly crypto: FastCrypto
  /** Points the machine at a state and a block. */
  enter(view: StateView, environment: BlockEnvironment, hashOf: HashOf): EvmBlock
}

const zero = new Uint8Array(32)

export interface MachineOptions {
  /** Our loop and fast precompiles, or for comparison what the package brings. */
  readonly kind?: 'own' | 'stock'
}

/** Creates a machine. Making one takes about a millisecond: keep it. */
export async function createMachine(
  common: Common,
  crypto: FastCrypto,
  { kind = 'own' }: MachineOptions = {},
): Promise<Machine> {
  const state = createFlatState(emptyView, crypto.keccak256)
  let hashOf: HashOf = () => undefined
  const curves = kind === 'own' ? await loadCurves() : undefined
  const evm = await createEVM({
    common,
    ...(curves !== undefined && { bls: curves.bls, customPrecompiles: fastPrecompiles(common) }),
    stateManager: state,
    blockchain: {
      getBlock: async (number) => ({ hash: () => hashOf(number) ?? zero }),
      putBlock: async () => undefined,
      shallowCopy() {
        return this
      },
    },
  })

  if (curves !== undefined) {
    useBn254(evm, curves.bn254)
    await useFastLoop(evm)
  }

  function enter(view: StateView, environment: BlockEnvironment, hashes: HashOf): EvmBlock {
    state.reset(view)
    evm.journal.cleanJournal()
    hashOf = hashes
    return evmBlock(environment)
  }

  return { evm, state, common, crypto, enter }
}

function evmBlock(environment: BlockEnvironment): EvmBlock {
  return {
    header: {
      number: BigInt(environment.number),
      coinbase: new Address(fromHex(environment.feeRecipient)),
      timestamp: BigInt(environment.timestamp),
      difficulty: 0n,
      prevRandao: fromHex(environment.prevRandao),
      gasLimit: environment.gasLimit,
      baseFeePerGas: environment.baseFeePerGas,
      slotNumber: 0n,
      getBlobGasPrice: () => 1n,
    },
  }
}
