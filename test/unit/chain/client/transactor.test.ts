import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { HttpRequestError, TimeoutError, WaitForTransactionReceiptTimeoutError } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, describe, expect, test } from 'vitest'
import { chainError, createTransactor } from '#chain/client/transactor.ts'
import type { Hex } from '#wire/primitives.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const contract: Hex = `0x${'05'.repeat(20)}`
const contracts = {
  JobManager: contract,
  WorkerRegistry: contract,
  Staking: contract,
  EvaluatorPool: contract,
  TrainToken: contract,
}
const url = 'http://127.0.0.1:1'
const body = {}

const ends: (() => void)[] = []
afterEach(() => ends.splice(0).forEach((end) => end()))

interface Request {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** A node that puts transactions into a block once it has `blockSize` of them. */
async function serveNode(blockSize: number) {
  const sent: Hex[] = []
  const word = `0x${'00'.repeat(31)}01`
  const bloom = `0x${'00'.repeat(256)}`
  const receiptOf = (transactionHash: unknown) => ({
    transactionHash,
    status: '0x1',
    blockNumber: '0x1',
    gasUsed: '0x1',
    cumulativeGasUsed: '0x1',
    effectiveGasPrice: '0x1',
    transactionIndex: '0x0',
    blockHash: word,
    logs: [],
    logsBloom: bloom,
    type: '0x2',
    from: account.address,
    to: contract,
    contractAddress: null,
  })
  const isMined = () => sent.length >= blockSize
  const answers: Readonly<Record<string, (params: readonly unknown[]) => unknown>> = {
    eth_chainId: () => '0x1',
    eth_blockNumber: () => (isMined() ? '0x1' : '0x0'),
    eth_getBlockByNumber: () => ({ number: '0x0', baseFeePerGas: '0x1', timestamp: '0x1' }),
    eth_maxPriorityFeePerGas: () => '0x1',
    eth_estimateGas: () => '0x5208',
    eth_call: () => word,
    eth_getTransactionCount: () => `0x${sent.length.toString(16)}`,
    eth_sendRawTransaction([raw]) {
      sent.push(raw as Hex)
      return `0x${sent.length.toString(16).padStart(64, '0')}`
    },
    eth_getTransactionReceipt: ([hash]) => (isMined() ? receiptOf(hash) : null),
    eth_getTransactionByHash: ([hash]) => ({
      hash,
      type: '0x2',
      nonce: '0x0',
      value: '0x0',
      gas: '0x1',
    }),
  }
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { id, method, params } = JSON.parse(await text(incoming)) as Request
    const answer = answers[method]
    const result = answer
      ? { result: answer(params) }
      : { error: { code: -32601, message: method } }
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify({ jsonrpc: '2.0', id, ...result }))
  }
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { rpcUrl: `http://127.0.0.1:${port}`, sent }
}

describe('send', () => {
  test('does not wait for the block of the transaction before', async () => {
    const { rpcUrl, sent } = await serveNode(2)
    const chain = createTransactor({ rpcUrl, chainId: 1, contracts }, account)
    const stake = () => chain.send('TrainToken', 'approve', [contract, 1n])
    const done = await Promise.all([stake(), stake()])
    expect(new Set(done.map(({ hash }) => hash)).size).toBe(2)
    expect(new Set(sent).size).toBe(2) // each has its own nonce
  })

  test('RPC_DOWN where nobody listens', async () => {
    const chain = createTransactor({ rpcUrl: url, chainId: 1, contracts }, account)
    const sending = chain.send('TrainToken', 'approve', [contract, 1n])
    await expect(sending).rejects.toMatchObject({ code: 'RPC_DOWN', retryable: true })
  })
})

describe('chainError', () => {
  const hash = `0x${'01'.repeat(32)}` as const

  test.each([
    ['RPC_DOWN', 'a node that took too long', new TimeoutError({ body, url })],
    ['RPC_DOWN', 'a node that was not reached', new HttpRequestError({ url })],
    ['RECEIPT_TIMEOUT', 'no receipt', new WaitForTransactionReceiptTimeoutError({ hash })],
    ['RPC_FAILED', 'anything else', new Error('odd')],
  ])('%s: %s', (code, _what, error) => {
    const isRetryable = code !== 'RPC_FAILED'
    expect(chainError(error, 'a.b')).toMatchObject({ code, retryable: isRetryable })
  })
})
