import { type Hex, encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import { createRng } from '#base/rng.ts'
import { type GenesisInput, parseGenesis } from '#chain/core/genesis.ts'
import type { ExecutionEngine } from '#chain/exec/engine.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { createHttpEngine } from '#chain/exec/engine-http/engine.ts'
import { samples } from '#test/unit/chain/samples.ts'
import { type World, accounts, createWorld, testGenesis } from '#test/unit/chain/exec/world.ts'
import { type ClientProcess, startClient } from './engine-client.ts'

const alice = accounts[0] as (typeof accounts)[0]
const fees = { chainId: 78787, maxFeePerGas: 3_000_000_000n, maxPriorityFeePerGas: 1n }
const { Token } = samples()

/** What a run over both drivers gave; it throws where they differ. */
export interface EngineRun {
  readonly blocks: number
  readonly transactions: number
}

/**
 * Makes a chain of transfers, contract creations and calls: the embedded engine builds a block, a model's hash is
 * put into it, and both run it; every fifth block is built by the client and run by ours.
 */
export async function runEngineChain(
  dataDir: string,
  { seed, blocks }: { readonly seed: number; readonly blocks: number },
): Promise<EngineRun> {
  // The client takes transactions only while its head is of the present.
  const timestamp = Math.floor(Date.now() / 1_000) - 300
  const genesis = testGenesis({ timestamp })
  const client = await startClient(dataDir, parseGenesis(genesis))
  try {
    return await compare({ client, genesis, seed, blocks })
  } finally {
    await client.stop()
  }
}

interface Comparison {
  readonly client: ClientProcess
  readonly genesis: GenesisInput
  readonly seed: number
  readonly blocks: number
}

async function compare({ client, genesis, seed, blocks }: Comparison): Promise<EngineRun> {
  const world = await createWorld({ genesis })
  const { keccak256 } = await loadCrypto()
  const theirs = createHttpEngine({ ...client, keccak256 }, { fork: 'prague' })
  const sender = createSender(seed)
  let transactions = 0
  for (let number = 1; number <= blocks; number += 1) {
    const raws = await sender.next(number)
    world.add(raws)
    const isTheirs = number % 5 === 0
    if (isTheirs) for (const raw of raws) await client.reads.call('eth_sendRawTransaction', [raw])
    const built = await build(isTheirs ? theirs : world.engine, world, number)
    const payload = world.engine.reseal(built, `0x${number.toString(16).padStart(64, 'a')}`)
    for (const engine of [world.engine, theirs]) await accept(engine, payload)
    transactions += payload.transactions.length
    await compareWords(world.engine, theirs, { hash: payload.blockHash, token: sender.token })
    settle(world, payload.transactions.length, raws.length)
  }
  return { blocks, transactions }
}

/** A block on the head by one of the drivers. */
async function build(engine: ExecutionEngine, world: World, number: number) {
  const head = world.engine.chain.head()
  const hash = head.blockHash
  const { status, payloadId } = await engine.forkchoiceUpdated(
    { head: hash, safe: hash, finalized: hash },
    {
      timestamp: head.header.timestamp + 1 + (number % 3),
      prevRandao: `0x${'ab'.repeat(32)}`,
      feeRecipient: `0x${'fe'.repeat(20)}`,
      withdrawals: [],
      parentBeaconBlockRoot: `0x${number.toString(16).padStart(64, 'b')}`,
    },
  )
  if (payloadId === undefined) throw new Error(`no payload: ${JSON.stringify(status)}`)
  return engine.getPayload(payloadId)
}

async function accept(
  engine: ExecutionEngine,
  payload: Parameters<ExecutionEngine['newPayload']>[0],
) {
  const status = await engine.newPayload(payload)
  if (status.kind !== 'valid') {
    throw new Error(`block ${payload.header.number}: ${JSON.stringify(status)}`)
  }
  const head = payload.blockHash
  await engine.forkchoiceUpdated({ head, safe: head, finalized: head })
}

/** Both name the same words and balances after a block. */
async function compareWords(
  ours: ExecutionEngine,
  theirs: ExecutionEngine,
  { hash, token }: { readonly hash: Hex; readonly token: Hex },
): Promise<void> {
  const slots = [0, 1, 2].map((slot): Hex => `0x${slot.toString(16).padStart(64, '0')}`)
  const asked = [ours, theirs].map(async (engine) => [
    ...(await engine.read(hash, token, slots)),
    String(await engine.balance(hash, receiver(1))),
  ])
  const [a, b] = (await Promise.all(asked)).map((answer) => JSON.stringify(answer))
  if (a !== b) throw new Error(`after ${hash}: ${a} here, ${b} there`)
}

const receiver = (i: number): Hex => `0x${(0xfeed00 + i).toString(16).padStart(40, '0')}`

/** Transactions of one account: a token first, then transfers, calls and more creations by chance. */
function createSender(seed: number) {
  const rng = createRng(seed)
  const token = getContractAddress({ from: alice.address, nonce: 0n }).toLowerCase() as Hex
  let nonce = 0

  function sign(to: Hex | undefined, options: { value?: bigint; input?: Hex; gas: bigint }) {
    const { input, ...rest } = options
    nonce += 1
    return alice.signTransaction({ ...fees, nonce: nonce - 1, to, data: input, ...rest })
  }

  function one(): Promise<Hex> {
    const kind = rng.below(4)
    if (nonce === 0 || kind === 0) {
      const input = encodeDeployData({ abi: Token.abi, bytecode: Token.bytecode, args: [1000n] })
      return sign(undefined, { input, gas: 2_000_000n })
    }
    const to = receiver(rng.below(20))
    if (kind === 1) return sign(to, { value: 1n, gas: 21_000n })
    const args = [to, BigInt(rng.below(3) === 0 ? 5_000 : 1)] // more than there is reverts
    const input = encodeFunctionData({ abi: Token.abi, functionName: 'transfer', args })
    return sign(token, { input, gas: 200_000n })
  }

  return {
    token,
    async next(number: number): Promise<Hex[]> {
      const raws: Hex[] = []
      for (let i = 0; i < 1 + (number % 4); i += 1) raws.push(await one())
      return raws
    },
  }
}

/** Takes what the block holds out of our pool. */
function settle({ pool, engine }: World, held: number, sent: number): void {
  if (held !== sent) throw new Error(`a block holds ${held} of ${sent} transactions`)
  const nonce = engine.chain.stateAfter(engine.chain.head().blockHash)
  const account = nonce?.account(Buffer.from(alice.address.slice(2), 'hex').toString('latin1'))
  const sender = alice.address.toLowerCase() as Hex
  pool.settle(new Map([[sender, { nonce: Number(account?.nonce ?? 0n), balanceWei: 10n ** 30n }]]))
}
