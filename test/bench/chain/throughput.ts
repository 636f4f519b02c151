import { type Address, type Hex, encodeFunctionData } from 'viem'
import type { Contract } from './contracts.ts'
import { type LoadKind, type Targets, callOf, senderOf, senders, signCall } from './load.ts'
import type { ChainPeer } from './peers.ts'
import type { Rpc } from './rpc.ts'

/** What a load did on one chain. */
export interface Throughput {
  readonly transactionsPerSecond: number
  readonly mgasPerSecond: number
  /** Transactions per second of the server's own processor time. */
  readonly transactionsPerCpuSecond: number
  readonly gasPerTransaction: number
  readonly blocks: number
  readonly wallMs: number
}

/** How many calls of each load: some seconds' worth of the fastest chain. */
export const loadCounts: Readonly<Record<LoadKind, number>> = {
  transfers: 24_000,
  erc20: 16_000,
  compute: 800,
}

const batchSize = 200
const connections = 4
const mintChunk = 100
const waitMsMax = 300_000

/** Prepares a chain: balances where the genesis has none, contracts, token balances. */
export async function prepareChain(
  { rpc, name }: ChainPeer,
  contracts: { readonly token: Contract; readonly work: Contract },
): Promise<Targets> {
  if (name !== 'quern') await fund(rpc)
  const chainId = Number(await rpc.call('eth_chainId'))
  let nonce = Number(await rpc.call('eth_getTransactionCount', [senders[0]?.address, 'latest']))
  const send = (call: Parameters<typeof signCall>[0]) =>
    rpc.call<Hex>('eth_sendRawTransaction', [
      signCall(call, senderOf(0), { chainId, nonce: nonce++ }),
    ])
  const token = await send({ gas: 3_000_000n, data: contracts.token.bytecode })
  const work = await send({ gas: 3_000_000n, data: contracts.work.bytecode })
  const tokenAddress = await contractOf(rpc, token)
  const targets = {
    token: { ...contracts.token, address: tokenAddress },
    work: { ...contracts.work, address: await contractOf(rpc, work) },
  }
  let last: Hex | undefined
  for (let i = 0; i < senders.length; i += mintChunk) {
    const owners = senders.slice(i, i + mintChunk).map(({ address }) => address)
    const { abi } = contracts.token
    const args = [owners, 10n ** 18n]
    const input = encodeFunctionData({ abi, functionName: 'mintMany', args })
    last = await send({ to: tokenAddress, gas: 12_000_000n, data: input })
  }
  await receiptOf(rpc, last as Hex)
  return targets
}

async function fund(rpc: Rpc): Promise<void> {
  for (let i = 0; i < senders.length; i += 100) {
    const chunk = senders.slice(i, i + 100)
    const balance = `0x${(10n ** 24n).toString(16)}`
    await rpc.batch(chunk.map(({ address }) => ['hardhat_setBalance', [address, balance]]))
  }
}

async function contractOf(rpc: Rpc, hash: Hex): Promise<Address> {
  const { contractAddress } = await receiptOf(rpc, hash)
  if (contractAddress === null || contractAddress === undefined)
    throw new Error('a contract was not made')
  return contractAddress
}

interface ReceiptJson {
  readonly status: Hex
  readonly blockNumber: Hex
  readonly contractAddress?: Address | null
}

async function receiptOf(rpc: Rpc, hash: Hex): Promise<ReceiptJson> {
  const endMs = Date.now() + waitMsMax
  while (Date.now() < endMs) {
    const receipt = await rpc.call<ReceiptJson | null>('eth_getTransactionReceipt', [hash])
    if (receipt !== null) {
      if (receipt.status !== '0x1') throw new Error(`transaction ${hash} failed`)
      return receipt
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`no receipt of ${hash}`)
}

/** Signs a load beforehand. */
async function signLoad(rpc: Rpc, kind: LoadKind, { count, targets }: LoadPlan): Promise<Hex[]> {
  const chainId = Number(await rpc.call('eth_chainId'))
  const nonces: number[] = []
  for (let i = 0; i < senders.length; i += 100) {
    const chunk = senders.slice(i, i + 100)
    const found = await rpc.batch<Hex>(
      chunk.map(({ address }) => ['eth_getTransactionCount', [address, 'latest']]),
    )
    nonces.push(...found.map(Number))
  }
  return Array.from({ length: count }, (_, i) => {
    const at = i % senders.length
    const nonce = nonces[at] as number
    nonces[at] = nonce + 1
    return signCall(callOf(kind, i, targets), senderOf(i), { chainId, nonce })
  })
}

export interface LoadPlan {
  readonly count: number
  readonly targets: Targets
}

/** Sends a pre-signed load and waits until the last of it is in a block that is final. */
export async function measureLoad(
  peer: ChainPeer,
  kind: LoadKind,
  plan: LoadPlan,
): Promise<Throughput> {
  const { rpc } = peer
  const raws = await signLoad(rpc, kind, plan)
  const bodies: string[] = []
  for (let i = 0; i < raws.length; i += batchSize) bodies.push(bodyOf(raws.slice(i, i + batchSize)))
  const before = Number(await rpc.call('eth_blockNumber'))
  const cpuBefore = peer.cpuMs()
  const startMs = performance.now()
  await sendAll(rpc, bodies)
  const { gasUsed, blocks } = await watchBlocks(rpc, before + 1, plan.count)
  const wallMs = performance.now() - startMs
  const cpuMs = peer.cpuMs() - cpuBefore
  return {
    transactionsPerSecond: plan.count / (wallMs / 1000),
    mgasPerSecond: gasUsed / 1e3 / wallMs,
    transactionsPerCpuSecond: plan.count / (cpuMs / 1000),
    gasPerTransaction: gasUsed / plan.count,
    blocks,
    wallMs,
  }
}

function bodyOf(raws: readonly Hex[]): string {
  const entries = raws.map(
    (raw, id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"eth_sendRawTransaction","params":["${raw}"]}`,
  )
  return `[${entries.join(',')}]`
}

async function sendAll(rpc: Rpc, bodies: readonly string[]): Promise<void> {
  let next = 0
  async function send(): Promise<void> {
    while (next < bodies.length) {
      const body = bodies[next] as string
      next += 1
      const answer = await rpc.post(body)
      if (answer.includes('"error"')) throw new Error(`refused: ${answer.slice(0, 400)}`)
    }
  }
  await Promise.all(Array.from({ length: connections }, send))
}

/** Reads the blocks from a height on until so many transactions are in them. */
async function watchBlocks(rpc: Rpc, from: number, count: number) {
  const endMs = Date.now() + waitMsMax
  let gasUsed = 0
  let transactions = 0
  for (let number = from; Date.now() < endMs; number += 1) {
    const block = await blockAt(rpc, number)
    gasUsed += Number(block.gasUsed)
    transactions += block.transactions.length
    if (transactions >= count) return { gasUsed, blocks: number - from + 1 }
  }
  throw new Error(`${transactions} of ${count} transactions went in`)
}

interface BlockJson {
  readonly gasUsed: Hex
  readonly transactions: readonly Hex[]
}

/** A block, as soon as it is there. */
async function blockAt(rpc: Rpc, number: number): Promise<BlockJson> {
  for (;;) {
    const params = [`0x${number.toString(16)}`, false]
    const block = await rpc.call<BlockJson | null>('eth_getBlockByNumber', params)
    if (block !== null) return block
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
