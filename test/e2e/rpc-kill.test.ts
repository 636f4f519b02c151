import { keccak256 } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { devChainId } from '#wire/addresses.ts'
import { type ChainProcess, call, scratchDir, startChain } from './chain-process.ts'

const mnemonic = 'test test test test test test test test test test test junk'
const senders = Array.from({ length: 8 }, (_, addressIndex) =>
  mnemonicToAccount(mnemonic, { addressIndex }),
)
const seed = 20_261_121
const kills = process.env['QUERN_LONG'] === undefined ? 3 : 40

interface Seen {
  readonly number: number
  readonly hash: string
}

/** Sends transfers until the node is gone; notes what was answered and which blocks were final. */
async function load(
  node: ChainProcess,
  nonces: number[],
  noted: { answered: string[]; seen: Seen[] },
) {
  const running = senders.map(async (account, at) => {
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
      const { result } = await call(node.url, 'eth_sendRawTransaction', [raw])
      expect(result).toBe(keccak256(raw))
      noted.answered.push(keccak256(raw))
      nonces[at] = nonce + 1
    }
  })
  const watching = (async () => {
    for (;;) {
      const { result } = await call(node.url, 'eth_getBlockByNumber', ['finalized', false])
      const block = result as { number: string; hash: string }
      noted.seen.push({ number: Number(block.number), hash: block.hash })
    }
  })()
  await Promise.allSettled([...running, watching])
}

describe('kill -9', () => {
  let scratch: Awaited<ReturnType<typeof scratchDir>>
  let node: ChainProcess | undefined
  beforeAll(async () => {
    scratch = await scratchDir()
  })
  afterAll(async () => {
    await node?.kill('SIGKILL')
    await scratch.remove()
  })

  test(
    `loses no final block and no answered transaction over ${kills} kills (seed ${seed})`,
    async () => {
      const rng = createRng(seed)
      const nonces = senders.map(() => 0)
      const noted = { answered: [] as string[], seen: [] as Seen[] }
      for (let round = 0; round <= kills; round += 1) {
        node = await startChain(scratch.path)
        // A transaction may be on the disk without its answer having left: ask before going on.
        for (const [at, { address }] of senders.entries()) {
          const { result } = await call(node.url, 'eth_getTransactionCount', [address, 'pending'])
          expect(Number(result)).toBeGreaterThanOrEqual(nonces[at] ?? 0)
          nonces[at] = Number(result)
        }
        if (round === kills) break
        const loading = load(node, nonces, noted)
        await new Promise((resolve) => setTimeout(resolve, 600 + rng.below(1_500)))
        await node.kill('SIGKILL')
        await loading
      }
      if (node === undefined) throw new Error('a node runs')
      const { url } = node
      expect(noted.answered.length).toBeGreaterThan(kills * 20)
      const unsettled = async () => {
        const counts = await Promise.all(
          senders.map(({ address }) => call(url, 'eth_getTransactionCount', [address, 'latest'])),
        )
        return counts.filter(({ result }, at) => Number(result) < (nonces[at] ?? 0))
      }
      await expect.poll(unsettled, { timeout: 30_000, interval: 200 }).toEqual([])
      for (const hash of noted.answered) {
        const { result } = await call(url, 'eth_getTransactionReceipt', [hash])
        expect(result).toMatchObject({ transactionHash: hash, status: '0x1' })
      }
      const newest = new Map(noted.seen.map(({ number, hash }) => [number, hash]))
      expect(newest.size).toBeGreaterThanOrEqual(kills)
      for (const [number, hash] of newest) {
        const { result } = await call(url, 'eth_getBlockByNumber', [
          `0x${number.toString(16)}`,
          false,
        ])
        expect(result).toMatchObject({ hash })
      }
      expect(new Set(noted.seen.map(({ number, hash }) => `${number}/${hash}`)).size).toBe(
        newest.size,
      )
      expect(node.errors()).toBe('')
    },
    60_000 + kills * 10_000,
  )

  test('STORE_LOCKED: a second node on the directory of a running one', async () => {
    node ??= await startChain(scratch.path)
    await expect(startChain(scratch.path)).rejects.toThrow('STORE_LOCKED')
  })
})
