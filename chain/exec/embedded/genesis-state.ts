import type { Common } from '@ethereumjs/common'
import { Account, Address } from '@ethereumjs/util'
import { u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import {
  type Header,
  emptyRequestsHash,
  emptyRoot,
  headerHash,
  zeroHash,
} from '#chain/core/header.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { FastCrypto } from './crypto.ts'
import { type EvmBlock, type Machine, createMachine } from './machine.ts'
import { predeploys } from './predeploys.ts'
import { computeRoots } from './roots.ts'
import { type StateChanges, emptyView } from './state-view.ts'
import { emptyRootBytes } from './trie-loader.ts'

const zeroAddress: Hex = `0x${'00'.repeat(20)}`
const contractGas = 100_000_000n

export interface GenesisBlock {
  readonly payload: Payload
  readonly changes: StateChanges
}

/**
 * The block before all others. Contracts are made by running their creation code at their fixed address in
 * a scratch machine, so that what stands there, immutable values included, is what a deployment would have
 * left. The same genesis gives the same hash on every machine. Throws GENESIS_FAILED.
 */
export async function buildGenesis(
  genesis: Genesis,
  rules: { readonly common: Common; readonly crypto: FastCrypto },
): Promise<GenesisBlock> {
  const machine = await createMachine(rules.common, rules.crypto)
  const block = machine.enter(emptyView, environmentOf(genesis), () => undefined)
  await placeAccounts(machine, genesis)
  for (const contract of genesis.contracts) await placeContract(machine, block, contract)
  for (const call of genesis.calls) await makeCall(machine, block, call)
  const { keccak256 } = rules.crypto
  const pending = { ...machine.state.pending(), keccak256 }
  const { stateRoot, changes } = computeRoots(emptyView, emptyRootBytes, pending)
  const header: Header = {
    ...environmentOf(genesis),
    stateRoot: toHex(stateRoot),
    transactionsRoot: emptyRoot,
    receiptsRoot: emptyRoot,
    logsBloom: toHex(new Uint8Array(256)),
    gasUsed: 0n,
    extraData: zeroHash,
    withdrawalsRoot: emptyRoot,
    requestsHash: emptyRequestsHash,
  }
  const payload = { blockHash: headerHash(header), header, transactions: [], withdrawals: [] }
  return { payload, changes }
}

function environmentOf(genesis: Genesis) {
  return {
    number: 0,
    timestamp: genesis.timestamp,
    gasLimit: BigInt(genesis.gasLimit),
    baseFeePerGas: genesis.baseFeePerGas,
    feeRecipient: zeroAddress,
    parentHash: zeroHash,
    parentBeaconBlockRoot: zeroHash,
    prevRandao: toHex(sha256(utf8('quern/genesis/1'), u64be(genesis.chainId))),
  }
}

async function placeAccounts({ state }: Machine, genesis: Genesis): Promise<void> {
  for (const { address, code } of Object.values(predeploys)) {
    const target = new Address(fromHex(address))
    await state.putAccount(target, new Account(1n))
    await state.putCode(target, fromHex(code))
  }
  for (const account of genesis.accounts) {
    const target = new Address(fromHex(account.address))
    await state.putAccount(target, new Account(BigInt(account.nonce ?? 0), account.balanceWei))
    if (account.code !== undefined) await state.putCode(target, fromHex(account.code))
    for (const [slot, word] of Object.entries(account.storage ?? {})) {
      await state.putStorage(target, fromHex(slot), fromHex(word))
    }
  }
}

async function placeContract(
  { evm, state }: Machine,
  block: EvmBlock,
  contract: Genesis['contracts'][number],
): Promise<void> {
  const target = new Address(fromHex(contract.address))
  await state.putAccount(target, new Account(1n))
  const { execResult } = await evm.runCall({
    block,
    caller: new Address(fromHex(zeroAddress)),
    to: target,
    code: fromHex(contract.initCode),
    gasLimit: contractGas,
    skipNonceIncrement: true,
  })
  evm.journal.cleanJournal()
  state.originalStorageCache.clear()
  if (execResult.exceptionError !== undefined || execResult.returnValue.length === 0) {
    throw failed(contract.name, execResult)
  }
  await state.putCode(target, execResult.returnValue)
}

async function makeCall(
  { evm, state }: Machine,
  block: EvmBlock,
  call: Genesis['calls'][number],
): Promise<void> {
  const { execResult } = await evm.runCall({
    block,
    caller: new Address(fromHex(call.from)),
    to: new Address(fromHex(call.to)),
    value: call.valueWei ?? 0n,
    data: fromHex(call.calldata),
    gasLimit: contractGas,
    skipNonceIncrement: true,
  })
  evm.journal.cleanJournal()
  state.originalStorageCache.clear()
  if (execResult.exceptionError !== undefined) throw failed(`call to ${call.to}`, execResult)
}

function failed(
  what: string,
  result: { returnValue: Uint8Array; exceptionError?: { error: string } },
): AppError {
  const reason = result.exceptionError?.error ?? 'no code'
  return new AppError({ code: 'GENESIS_FAILED', what, reason, output: toHex(result.returnValue) })
}
