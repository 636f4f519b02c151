import { Address } from '@ethereumjs/util'
import { concatBytes } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex } from '#base/hex.ts'
import { integer } from '#chain/core/header.ts'
import type { Withdrawal } from '#chain/core/payload.ts'
import type { BlockEnvironment, EvmBlock, Machine } from './machine.ts'
import { predeploys } from './predeploys.ts'
import { credit } from './run-transaction.ts'

const systemAddress = new Address(fromHex('fffffffffffffffffffffffffffffffffffffffe'))
const systemGas = 30_000_000n
const historyWindow = 8191
const weiPerGwei = 1_000_000_000n

/** A call that the chain itself makes at the start of each block. */
export interface Recorder {
  readonly address: string
  readonly calldata: string
}

/** Beacon roots (EIP-4788), block hashes (EIP-2935), then the chain's own recorder. False: it failed. */
export async function beginBlock(
  machine: Machine,
  block: EvmBlock,
  options: { readonly environment: BlockEnvironment; readonly recorder: Recorder | undefined },
): Promise<boolean> {
  const { environment, recorder } = options
  const { number, timestamp } = environment
  const at = timestamp % historyWindow
  await store(machine, predeploys.beaconRoots.address, at, integer(timestamp))
  const root = fromHex(environment.parentBeaconBlockRoot)
  await store(machine, predeploys.beaconRoots.address, at + historyWindow, root)
  const place = (number - 1) % historyWindow
  await store(machine, predeploys.blockHashes.address, place, fromHex(environment.parentHash))
  if (recorder === undefined) return true
  return (await call(machine, block, recorder)).isDone
}

/** Writes the word that the predeploy's own code would write. */
async function store(machine: Machine, address: string, slot: number, word: Uint8Array) {
  const target = new Address(fromHex(address))
  if ((await machine.state.getCodeSize(target)) === 0) return
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(28, slot)
  await machine.state.putStorage(target, key, word)
}

async function call(machine: Machine, block: EvmBlock, { address, calldata }: Recorder) {
  const { evm, state } = machine
  const { execResult } = await evm.runCall({
    block,
    caller: systemAddress,
    to: new Address(fromHex(address)),
    data: fromHex(calldata),
    gasLimit: systemGas,
    skipNonceIncrement: true,
  })
  await evm.journal.cleanup()
  state.originalStorageCache.clear()
  return { isDone: execResult.exceptionError === undefined, output: execResult.returnValue }
}

/** Pays withdrawals (EIP-4895), then collects requests (EIP-7685). Gives the requests hash. */
export async function endBlock(
  machine: Machine,
  block: EvmBlock,
  outcome: { readonly withdrawals: readonly Withdrawal[] },
): Promise<Uint8Array> {
  for (const { address, amountGwei } of outcome.withdrawals) {
    await credit(machine, new Address(fromHex(address)), amountGwei * weiPerGwei)
  }
  await machine.evm.journal.cleanup()
  const hashes: Uint8Array[] = []
  for (const { kind, address } of [predeploys.withdrawals, predeploys.consolidations]) {
    const target = new Address(fromHex(address))
    if ((await machine.state.getCodeSize(target)) === 0) continue
    const { output } = await call(machine, block, { address, calldata: '0x' })
    if (output.length > 0) hashes.push(sha256(concatBytes(Uint8Array.of(kind), output)))
  }
  return sha256(concatBytes(...hashes))
}
