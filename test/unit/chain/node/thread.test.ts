import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '#base/hex.ts'
import { noopLogger } from '#base/log.ts'
import { realClock } from '#cli/real-clock.ts'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { createMachine } from '#chain/exec/embedded/machine.ts'
import { type ChainNode, createChainNode } from '#chain/node/node.ts'
import { call, post } from '#test/e2e/chain-process.ts'
import { accounts, testGenesis } from '../exec/world.ts'

const burner = `0x${'bb'.repeat(20)}`
/** JUMPDEST, PUSH0, JUMP: spends all the gas that it gets. */
const endlessCode = Uint8Array.of(0x5b, 0x5f, 0x56)
const endless = { [burner]: { code: toHex(endlessCode) } }
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

  /** What this thread, which is that of consensus, uses of a processor (us) until the answer is there. */
  async function used<T>(answer: () => Promise<T>): Promise<{ answered: T; us: number }> {
    const before = process.threadCpuUsage()
    const answered = await answer()
    return { answered, us: process.threadCpuUsage(before).user }
  }

  test('somebody’s call that burns thirty million gas leaves the thread of consensus idle', async () => {
    const crypto = await loadCrypto()
    const { evm } = await createMachine(createChainCommon(78787, crypto), crypto)
    const runHere = () => evm.runCode({ code: endlessCode, gasLimit: BigInt(request.gas) })
    const callThere = () => call(url, 'eth_call', [request, 'latest', endless])
    await Promise.all([runHere(), callThere()]) // everything is loaded
    const here = await used(runHere)
    const there = await used(callThere)
    expect(here.answered.exceptionError?.error).toBe('out of gas')
    expect(there.answered.error?.message).toMatch(/out of gas/)
    expect(there.us).toBeLessThan(here.us / 3)
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
