import { Account, Address } from '@ethereumjs/util'
import type { Block, PublicClient, Transaction } from 'viem'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import type { HashOf, Machine } from '#chain/exec/embedded/machine.ts'
import { computeRoots } from '#chain/exec/embedded/roots.ts'
import { leastGas, runTransaction } from '#chain/exec/embedded/run-transaction.ts'
import { unsigned } from '#chain/exec/embedded/simulate.ts'
import {
  type StateChanges,
  type StateView,
  emptyView,
  layerView,
} from '#chain/exec/embedded/state-view.ts'
import { emptyRootBytes } from '#chain/exec/embedded/trie-loader.ts'
import { toKey } from '#store/key.ts'

/** A transaction that another client has run, with what it says became of it. */
export interface Recorded {
  readonly block: Block
  readonly transaction: Transaction
  readonly gasUsed: bigint
  readonly hasSucceeded: boolean
  /** Address, topics and bytes of each. */
  readonly logs: readonly string[]
}

/** All that another client has run, in order. */
export async function recordedOf(reader: PublicClient): Promise<readonly Recorded[]> {
  const recorded: Recorded[] = []
  const height = await reader.getBlockNumber()
  for (let number = 1n; number <= height; number += 1n) {
    const block = await reader.getBlock({ blockNumber: number, includeTransactions: true })
    for (const transaction of block.transactions) {
      const receipt = await reader.getTransactionReceipt({ hash: transaction.hash })
      recorded.push({
        block,
        transaction,
        gasUsed: receipt.gasUsed,
        hasSucceeded: receipt.status === 'success',
        logs: receipt.logs.map(
          ({ address, topics, data }) => `${address} ${topics.join()} ${data}`,
        ),
      })
    }
  }
  return recorded
}

/** What is changed in a transaction to see it fail elsewhere. */
export interface Variant {
  /** Thousandths of what it used between the least gas and all. */
  readonly gasShare?: bigint
  readonly input?: Hex
}

const richWei = 10n ** 26n

/** The state that transactions find, with their changes once they are kept. */
export interface RecordedState {
  readonly view: StateView
  root: Uint8Array
  keep(changes: StateChanges, root: Uint8Array): void
}

/** Creates a state in which every sender can pay. */
export function createRecordedState(
  { crypto }: Pick<Machine, 'crypto'>,
  senders: readonly Hex[],
): RecordedState {
  const all: StateChanges = {
    accounts: new Map(),
    slots: new Map(),
    nodes: new Map(),
    codes: new Map(),
  }

  function keep(changes: StateChanges, root: Uint8Array): void {
    for (const part of ['accounts', 'nodes', 'codes'] as const) {
      for (const [key, value] of changes[part]) all[part].set(key, value as never)
    }
    for (const [address, words] of changes.slots) {
      all.slots.set(address, new Map([...(all.slots.get(address) ?? []), ...words]))
    }
    state.root = root
  }

  const state: RecordedState = { view: layerView(emptyView, all), root: emptyRootBytes, keep }
  const { nonce, balance, storageRoot, codeHash } = new Account(0n, richWei)
  const accounts = new Map(
    senders.map((sender) => [toKey(fromHex(sender)), { nonce, balance, storageRoot, codeHash }]),
  )
  const pending = { accounts, slots: new Map(), codes: new Map(), keccak256: crypto.keccak256 }
  const { stateRoot, changes } = computeRoots(emptyView, emptyRootBytes, pending)
  keep(changes, stateRoot)
  return state
}

export interface RecordedPlace {
  readonly state: RecordedState
  readonly hashOf: HashOf
}

/** Runs a recorded transaction; gives all that can be told of it. */
export async function runRecorded(
  machine: Machine,
  { block, transaction, gasUsed }: Recorded,
  { state, hashOf, variant = {} }: RecordedPlace & { readonly variant?: Variant },
) {
  const environment = {
    number: Number(block.number),
    timestamp: Number(block.timestamp),
    gasLimit: block.gasLimit,
    baseFeePerGas: block.baseFeePerGas ?? 0n,
    feeRecipient: block.miner,
    prevRandao: (block as unknown as { mixHash: Hex }).mixHash,
    parentHash: block.parentHash,
    parentBeaconBlockRoot: block.parentBeaconBlockRoot ?? (`0x${'00'.repeat(32)}` as const),
  }
  const evmBlock = machine.enter(state.view, environment, hashOf)
  const { from, to, value, input, nonce, gas } = transaction
  const gasPrice = transaction.gasPrice ?? transaction.maxFeePerGas ?? 0n
  const call = { from, to: to ?? undefined, valueWei: value, input: variant.input ?? input }
  const sender = new Address(fromHex(from))
  const fields = { nonce: BigInt(nonce), maxFeePerGas: gasPrice }
  const whole = unsigned(call, machine.common, { ...fields, gasLimit: gas })
  const least = leastGas(whole, sender)
  const gasLimit = least + ((gasUsed - least) * (variant.gasShare ?? 1_000n)) / 1_000n
  const tx =
    variant.gasShare === undefined ? whole : unsigned(call, machine.common, { ...fields, gasLimit })
  const decoded = { tx, raw: tx.serialize(), hash: transaction.hash, sender }
  const outcome = await runTransaction(machine, evmBlock, decoded)
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.fault}`)
  const pending = { ...machine.state.pending(), keccak256: machine.crypto.keccak256 }
  const { stateRoot, changes } = computeRoots(state.view, state.root, pending)
  const { execResult } = outcome.result
  return {
    changes,
    stateRoot,
    seen: {
      gasUsed: outcome.gasUsed,
      error: execResult.exceptionError?.error,
      output: toHex(execResult.returnValue),
      logs: (execResult.logs ?? []).map(
        ([address, topics, bytes]) =>
          `${toHex(address)} ${topics.map((topic) => toHex(topic)).join()} ${toHex(bytes)}`,
      ),
      root: toHex(stateRoot),
    },
  }
}
