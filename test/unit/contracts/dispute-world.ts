import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { createEVM } from '@ethereumjs/evm'
import { Account, Address } from '@ethereumjs/util'
import {
  type Abi,
  concat,
  decodeErrorResult,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  keccak256,
  pad,
  parseEther,
  parseEventLogs,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { fromHex, toHex } from '#base/hex.ts'
import type { DisputeEvent } from '#chain/client/dispute/standing.ts'
import bytecode from '#wire/abi/bytecode.json' with { type: 'json' }
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { trainTokenAbi } from '#wire/abi/trainToken.ts'
import { workerRegistryAbi } from '#wire/abi/workerRegistry.ts'
import type { Hex } from '#wire/primitives.ts'

const startSeconds = 1_800_000_000
const gasLimit = 30_000_000n
const baseGas = 21_000
const byteGas = { zero: 4, other: 16 }

/** Where contracts/WorkerRegistry.sol keeps the numbers of accounts by key. */
const holdersSlot: Hex = '0x05'
const abis: Readonly<Record<string, Abi>> = {
  TrainToken: [],
  OpVerifier: [],
  WorkerRegistry: workerRegistryAbi,
  DisputeGame: disputeGameAbi,
}

export const bondWei = parseEther('10')
export const clockSeconds = 3600
export const thawSeconds = 7 * 86_400

export type Player = ReturnType<typeof privateKeyToAccount>
export const [asserter, challenger, second, client] = [1, 2, 3, 4].map((key) =>
  privateKeyToAccount(`0x${key.toString(16).padStart(64, '0')}`),
) as [Player, Player, Player, Player]

/** A call that the contract refused, by the name of its error. */
export class Refused extends Error {}

export type World = Awaited<ReturnType<typeof createWorld>>
type Log = readonly [address: Uint8Array, topics: readonly Uint8Array[], bytes: Uint8Array]
type RpcLog = Parameters<typeof parseEventLogs>[0]['logs'][number]

/** Token, verifier, registry and game in a machine of their own; players with a balance in the game. */
export async function createWorld() {
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun })
  const evm = await createEVM({ common })
  let nowSeconds = startSeconds

  const block = () => ({
    header: {
      number: 1n,
      coinbase: new Address(new Uint8Array(20)),
      timestamp: BigInt(nowSeconds),
      difficulty: 0n,
      prevRandao: new Uint8Array(32),
      gasLimit,
      baseFeePerGas: 0n,
      slotNumber: 0n,
      getBlobGasPrice: () => 1n,
    },
  })

  function eventsOf(logs: readonly Log[]): DisputeEvent[] {
    const raw = logs.map(([address, topics, bytes]) => ({
      address: toHex(address),
      topics: topics.map((topic) => toHex(topic)),
      data: toHex(bytes),
    }))
    const parsed = parseEventLogs({ abi: disputeGameAbi, logs: raw as unknown as RpcLog[] })
    return parsed.map((event) => ({ ...event, atSeconds: nowSeconds }))
  }

  /** Each transaction begins with everything cold. */
  async function send(from: Hex, request: { to?: Hex; data: Hex; value?: bigint }) {
    evm.journal.cleanJournal()
    evm.transientStorage.clear()
    evm.stateManager.originalStorageCache.clear()
    const caller = new Address(fromHex(from))
    const ran = await evm.runCall({
      caller,
      to: request.to && new Address(fromHex(request.to)),
      data: fromHex(request.data),
      value: request.value ?? 0n,
      gasLimit,
      block: block(),
    })
    const { exceptionError, returnValue, executionGasUsed, gasRefund = 0n, logs } = ran.execResult
    if (exceptionError) throw refusal(exceptionError.error, returnValue)
    const spent = executionGasUsed + BigInt(intrinsicGas(fromHex(request.data)))
    const refund = gasRefund < spent / 5n ? gasRefund : spent / 5n
    return {
      output: toHex(returnValue),
      gas: Number(spent - refund),
      created: ran.createdAddress,
      events: eventsOf(logs ?? []),
    }
  }

  async function deploy(
    name: 'TrainToken' | 'OpVerifier' | 'WorkerRegistry' | 'DisputeGame',
    args: readonly unknown[],
  ) {
    const request = encodeDeployData({
      abi: abis[name] as Abi,
      bytecode: bytecode[name] as Hex,
      args,
    })
    const { created } = await send(client.address, { data: request })
    if (!created) throw new Error(`${name} was not created`)
    return created.toString()
  }

  await evm.stateManager.putAccount(
    new Address(fromHex(client.address)),
    new Account(0n, parseEther('100000')),
  )
  const token = await deploy('TrainToken', [])
  const verifier = await deploy('OpVerifier', [])
  const registry = await deploy('WorkerRegistry', [token, token, token, 1n])
  const rules = [bondWei, clockSeconds, thawSeconds]
  const game = await deploy('DisputeGame', [verifier, token, registry, ...rules])
  await enrol()

  /** The asserter becomes a registered worker's operator, whose stake disputes hold. */
  async function enrol(): Promise<void> {
    const at = new Address(fromHex(registry))
    const key = keccak256(concat([pad(asserter.address), pad(holdersSlot)]))
    await evm.stateManager.putStorage(at, fromHex(key), Uint8Array.of(1))
  }

  async function call(
    abi: Abi,
    to: Hex,
    from: Hex,
    [functionName, ...args]: [string, ...unknown[]],
  ) {
    const request = encodeFunctionData({ abi, functionName, args })
    const { output, gas, events } = await send(from, { to, data: request })
    return { gas, events, result: decodeFunctionResult<Abi>({ abi, functionName, data: output }) }
  }

  const play = (from: Player, functionName: string, ...args: unknown[]) =>
    call(disputeGameAbi, game, from.address, [functionName, ...args])
  const ofToken = (from: Hex, functionName: string, ...args: unknown[]) =>
    call(trainTokenAbi, token, from, [functionName, ...args])

  await send(client.address, {
    to: token,
    data: encodeFunctionData({ abi: trainTokenAbi, functionName: 'deposit' }),
    value: parseEther('10000'),
  })
  for (const player of [asserter, challenger, second]) {
    await ofToken(client.address, 'transfer', player.address, parseEther('1000'))
    await ofToken(player.address, 'approve', game, parseEther('1000'))
    await play(player, 'deposit', parseEther('1000'))
  }

  return {
    game,
    play,
    pass(seconds: number) {
      nowSeconds += seconds
    },
    now: () => nowSeconds,
    /** Free balances in the game, what it will burn, and the TRAIN that it holds. */
    async balances() {
      const freeOf = async ({ address }: Player) => {
        const { result } = await play(client, 'balanceOf', address)
        return (result as readonly [bigint, bigint])[0]
      }
      const { result } = await ofToken(client.address, 'balanceOf', game)
      return {
        asserter: await freeOf(asserter),
        challenger: await freeOf(challenger),
        second: await freeOf(second),
        client: await freeOf(client),
        burned: (await play(client, 'burnedWei')).result as bigint,
        held: result as bigint,
      }
    },
  }
}

function refusal(reason: string, output: Uint8Array): Refused {
  if (output.length === 0) return new Refused(reason)
  const { errorName, args } = decodeErrorResult({ abi: disputeGameAbi, data: toHex(output) })
  return new Refused([errorName, ...(args ?? [])].join(' '))
}

/** What a transaction costs before its code runs (EIP-2028). */
function intrinsicGas(bytes: Uint8Array): number {
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0)
  return baseGas + zeros * byteGas.zero + (bytes.length - zeros) * byteGas.other
}
