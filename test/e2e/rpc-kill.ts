import { isDeepStrictEqual } from 'node:util'
import { keccak256 } from 'viem'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'
import { createRng } from '#base/rng.ts'
import { devChainId } from '#wire/addresses.ts'
import { type ChainProcess, call, scratchDir, startChain } from './chain-process.ts'

const mnemonic = 'test test test test test test test test test test test junk'
const settleMs = 30_000
/** A kill comes only after so many more answers. */
const answersMin = 25

export interface KillOutcome {
  /** Transactions that were answered with their hash. */
  readonly answered: number
  /** What a living node answered instead of a hash. */
  readonly refused: readonly unknown[]
  /** Answered transactions that are not in the chain afterwards, or have failed. */
  readonly lost: readonly string[]
  /** Heights that were seen as final. */
  readonly finalBlocks: number
  /** Heights whose final block is another one now, or was another one at another time. */
  readonly changed: readonly number[]
  /** Accounts whose next nonce was below what had been answered. */
  readonly nonceLosses: number
  /** What the last node wrote to its standard error. */
  readonly errors: string
}

interface Noted {
  readonly nonces: number[]
  readonly answered: string[]
  readonly refused: unknown[]
  /** Hashes seen as final, by height. */
  readonly seen: Map<number, Set<string>>
}

/** Kills a node `kills` times under load, at moments that the seed draws, and counts what it lost. */
export async function runKills(seed: number, kills: number): Promise<KillOutcome> {
  const rng = createRng(seed)
  const senders = Array.from({ length: 8 }, (_, addressIndex) =>
    mnemonicToAccount(mnemonic, { addressIndex }),
  )
  const noted: Noted = { nonces: senders.map(() => 0), answered: [], refused: [], seen: new Map() }
  const scratch = await scratchDir()
  let node = await startChain(scratch.path)
  try {
    let nonceLosses = await readNonces(node, senders, noted)
    for (let kill = 0; kill < kills; kill += 1) {
      const loading = load(node, senders, noted)
      const enough = noted.answered.length + answersMin
      await new Promise((resolve) => setTimeout(resolve, 600 + rng.below(1_500)))
      await untilAnswered(noted, enough) // a loaded machine answers later
      await node.kill('SIGKILL')
      await loading
      node = await startChain(scratch.path)
      nonceLosses += await readNonces(node, senders, noted)
    }
    await untilIncluded(node, senders, noted)
    return { ...(await compare(node, noted)), nonceLosses, errors: node.errors() }
  } finally {
    await node.kill('SIGKILL')
    await scratch.remove()
  }
}

async function untilAnswered({ answered }: Noted, count: number): Promise<void> {
  const endMs = Date.now() + settleMs
  while (answered.length < count && Date.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Asks for each next nonce: a transaction may be on the disk without its answer having left. */
async function readNonces(
  node: ChainProcess,
  senders: readonly HDAccount[],
  { nonces }: Noted,
): Promise<number> {
  let losses = 0
  for (const [at, { address }] of senders.entries()) {
    const { result } = await call(node.url, 'eth_getTransactionCount', [address, 'pending'])
    if (Number(result) < (nonces[at] ?? 0)) losses += 1
    nonces[at] = Number(result)
  }
  return losses
}

/** Sends transfers until the node is gone; notes what was answered and which blocks were final. */
async function load(
  node: ChainProcess,
  senders: readonly HDAccount[],
  noted: Noted,
): Promise<void> {
  const { answered, nonces, refused, seen } = noted
  const sending = senders.map(async (account, at) => {
    for (;;) {
      const nonce = nonces[at] ?? 0
      const raw = await account.signTransaction({
        chainId: devChainId,
        type: 'eip1559',
        nonce,
        to: `0x${'42'.repeat(20)}`,
        value: 1n,
        gas: 21_000n,
        maxFeePerGas: 10n ** 11n,
        maxPriorityFeePerGas: 1n,
      })
      const answer = await call(node.url, 'eth_sendRawTransaction', [raw])
      if (answer.result !== keccak256(raw)) return refused.push(answer)
      answered.push(answer.result)
      nonces[at] = nonce + 1
    }
  })
  const watching = (async () => {
    for (;;) {
      const { result } = await call(node.url, 'eth_getBlockByNumber', ['finalized', false])
      const block = result as { number: string; hash: string }
      const number = Number(block.number)
      seen.set(number, (seen.get(number) ?? new Set()).add(block.hash))
    }
  })()
  await Promise.allSettled([...sending, watching])
}

async function untilIncluded(
  { url }: ChainProcess,
  senders: readonly HDAccount[],
  { nonces }: Noted,
): Promise<void> {
  const endMs = Date.now() + settleMs
  while (Date.now() < endMs) {
    const counts = await Promise.all(
      senders.map(async ({ address }) => {
        const { result } = await call(url, 'eth_getTransactionCount', [address, 'latest'])
        return Number(result)
      }),
    )
    if (counts.every((count, at) => count >= (nonces[at] ?? 0))) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function compare({ url }: ChainProcess, { answered, refused, seen }: Noted) {
  const lost: string[] = []
  for (const hash of answered) {
    const { result } = await call(url, 'eth_getTransactionReceipt', [hash])
    if ((result as { status?: string } | null)?.status !== '0x1') lost.push(hash)
  }
  const changed: number[] = []
  for (const [number, hashes] of seen) {
    const { result } = await call(url, 'eth_getBlockByNumber', [`0x${number.toString(16)}`, false])
    const now = (result as { hash?: string } | null)?.hash
    if (!isDeepStrictEqual([...hashes], [now])) changed.push(number)
  }
  return { answered: answered.length, refused, lost, finalBlocks: seen.size, changed }
}
