import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noopLogger } from '#base/log.ts'
import { realClock } from '#cli/real-clock.ts'
import { type ChainNode, createChainNode } from '#chain/node/node.ts'
import { call, post } from '#test/e2e/chain-process.ts'
import { accounts, testGenesis } from '../exec/world.ts'

const burner = `0x${'bb'.repeat(20)}`
/** JUMPDEST, PUSH0, JUMP: spends all the gas that it gets. */
const endless = { [burner]: { code: '0x5b5f56' } }
const request = { to: burner, gas: '0x1c9c380' }

describe('a node in this thread, its JSON-RPC in another', () => {
  let dataDir = ''
  let node: ChainNode
  let url = ''

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'quern-thread-'))
    const deps = { clock: realClock, logger: noopLogger }
    const validatorKey = new Uint8Array(32).fill(7)
    node = createChainNode(deps, { dataDir, port: 0, genesis: testGenesis(), validatorKey })
    await node.start()
    url = `http://127.0.0.1:${node.port()}`
  })
  afterAll(async () => {
    await node.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  /** How often this thread, which is that of consensus, comes round until the answer is there. */
  async function turnsUntil(answered: Promise<unknown>): Promise<number> {
    let turns = 0
    let isOver = false
    const over = answered.finally(() => (isOver = true))
    while (!isOver) {
      turns += 1
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await over
    return turns
  }

  test('while somebody’s call burns thirty million gas, the thread of consensus comes round', async () => {
    await call(url, 'eth_call', [request, 'latest', endless]) // everything is loaded
    const startMs = performance.now()
    const answered = call(url, 'eth_call', [request, 'latest', endless])
    const turns = await turnsUntil(answered)
    const burntMs = performance.now() - startMs
    expect((await answered).error?.message).toMatch(/out of gas/)
    // Each turn waits a millisecond: where the call ran here, there would be a handful.
    expect(turns, `${burntMs} ms`).toBeGreaterThan(20)
  })

  test('short questions are answered between long ones', async () => {
    const order: string[] = []
    const note = (name: string) => () => void order.push(name)
    const burning = Array.from({ length: 6 }, () =>
      call(url, 'eth_call', [request, 'latest', endless]).then(note('long')),
    )
    const short = call(url, 'eth_chainId').then(note('short'))
    await Promise.all([...burning, short])
    expect(order.indexOf('short')).toBeLessThan(5)
  })

  test('a transaction is answered for, waits, and stands in a block that readers see', async () => {
    const [sender] = accounts
    const raw = await sender?.signTransaction({
      chainId: 78787,
      nonce: 0,
      to: burner as `0x${string}`,
      value: 1n,
      gas: 21_000n,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 0n,
    })
    const { result: hash } = await call(url, 'eth_sendRawTransaction', [raw])
    const batch = await post<readonly { readonly result: unknown }[]>(
      url,
      JSON.stringify([
        ask(1, 'eth_getTransactionByHash', [hash]),
        ask(2, 'eth_getTransactionCount', [sender?.address, 'pending']),
      ]),
    )
    expect(batch.map(({ result }) => result)).toMatchObject([{ hash }, '0x1'])
    let receipt: unknown = null
    while (receipt === null) {
      receipt = (await call(url, 'eth_getTransactionReceipt', [hash])).result
    }
    expect(receipt).toMatchObject({ transactionHash: hash, status: '0x1' })
    const { result: count } = await call(url, 'eth_getTransactionCount', [sender?.address])
    expect(count).toBe('0x1')
    const { error } = await call(url, 'eth_sendRawTransaction', [raw])
    expect(error?.message).toBe('nonce too low')
  })
})

function ask(id: number, method: string, params: readonly unknown[]) {
  return { jsonrpc: '2.0', id, method, params }
}
