import { createMPTFromProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import {
  type BaseError,
  type Hex,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  custom,
  decodeEventLog,
  defineChain,
  getAddress,
  http,
  keccak256,
  parseEther,
  toBytes,
  toHex,
  webSocket,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemAddresses } from '#wire/addresses.ts'
import { trainTokenAbi } from '#wire/abi/trainToken.ts'
import { samples } from '../unit/chain/samples.ts'
import { type ChainProcess, call, post, scratchDir, startChain } from './chain-process.ts'

const mnemonic = 'test test test test test test test test test test test junk'
const chain = (url: string) =>
  defineChain({
    id: 78787,
    name: 'Quern',
    nativeCurrency: { name: 'Quern', symbol: 'Q', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
const { Token, Odd } = samples()

/** A client for the account of that index; each test has its own, so that nonces do not meet. */
function clientsOf(node: ChainProcess, addressIndex: number) {
  const account = mnemonicToAccount(mnemonic, { addressIndex })
  const transport = http(node.url)
  const reader = createPublicClient({ chain: chain(node.url), transport, pollingInterval: 100 })
  const wallet = createWalletClient({ account, chain: chain(node.url), transport })
  return { account, reader, wallet }
}

async function deployToken(node: ChainProcess, addressIndex: number) {
  const clients = clientsOf(node, addressIndex)
  const hash = await clients.wallet.deployContract({ ...Token, args: [1_000n] })
  const receipt = await clients.reader.waitForTransactionReceipt({ hash })
  return { ...clients, receipt, token: receipt.contractAddress as Hex }
}

describe('JSON-RPC', () => {
  let scratch: Awaited<ReturnType<typeof scratchDir>>
  let node: ChainProcess
  beforeAll(async () => {
    scratch = await scratchDir()
    node = await startChain(scratch.path)
  })
  afterAll(async () => {
    await node.kill('SIGTERM')
    await scratch.remove()
  })

  test('deploys and calls a contract through viem', async () => {
    const { account, reader, wallet, token, receipt } = await deployToken(node, 0)
    expect(receipt).toMatchObject({ status: 'success', from: account.address.toLowerCase() })
    expect(receipt.logs).toHaveLength(1)
    const to = `0x${'31'.repeat(20)}` as const
    const { request } = await reader.simulateContract({
      account,
      address: token,
      abi: Token.abi,
      functionName: 'transfer',
      args: [to, 40n],
    })
    const hash = await wallet.writeContract(request)
    const sent = await reader.waitForTransactionReceipt({ hash })
    const log = decodeEventLog({ abi: Token.abi, ...(sent.logs[0] as (typeof sent.logs)[0]) })
    expect(log.args).toMatchObject({ to: getAddress(to), value: 40n })
    const held = { address: token, abi: Token.abi, functionName: 'balanceOf' } as const
    expect(await reader.readContract({ ...held, args: [to] })).toBe(40n)
    const before = sent.blockNumber - 1n
    expect(await reader.readContract({ ...held, args: [to], blockNumber: before })).toBe(0n)
    expect(await reader.getTransaction({ hash })).toMatchObject({
      blockHash: sent.blockHash,
      type: 'eip1559',
      to: token.toLowerCase(),
    })
    const block = await reader.getBlock({ blockHash: sent.blockHash })
    expect(block.transactions).toContain(hash)
    expect(await reader.getCode({ address: token })).toMatch(/^0x6080/)
  })

  test('deploys and calls a contract through Hardhat 3', async () => {
    const keys = [5, 6].map((addressIndex) => {
      const key = mnemonicToAccount(mnemonic, { addressIndex }).getHdKey().privateKey
      return toHex(key as Uint8Array)
    })
    const hre = await createHardhatRuntimeEnvironment({
      networks: { quern: { type: 'http', url: node.url, chainId: 78787, accounts: keys } },
    })
    const { provider } = await hre.network.create('quern')
    const [from] = (await provider.request({ method: 'eth_accounts' })) as Hex[]
    expect(from).toBe(mnemonicToAccount(mnemonic, { addressIndex: 5 }).address.toLowerCase())
    const client = createPublicClient({ transport: custom(provider), pollingInterval: 100 })
    const wallet = createWalletClient({ account: from, transport: custom(provider) })
    const hash = await wallet.deployContract({
      ...Token,
      args: [77n],
      chain: null,
      account: from ?? null,
    })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    const token = { address: contractAddress as Hex, abi: Token.abi }
    const account = from ?? null
    const transfer = { ...token, functionName: 'transfer', chain: null, account } as const
    const second = await wallet.writeContract({ ...transfer, args: [`0x${'32'.repeat(20)}`, 7n] })
    expect((await client.waitForTransactionReceipt({ hash: second })).status).toBe('success')
    const left = await client.readContract({ ...token, functionName: 'balanceOf', args: [from] })
    expect(left).toBe(70n)
  })

  test('knows the market of the genesis', async () => {
    const { account, reader } = clientsOf(node, 1)
    const held = await reader.readContract({
      address: systemAddresses.TrainToken,
      abi: trainTokenAbi,
      functionName: 'balanceOf',
      args: [account.address],
    })
    expect(held).toBe(parseEther('1000000'))
    const { result } = await call(node.url, 'quern_status')
    expect(result).toMatchObject({ chainId: 78787, recoverer: 'native', validators: 1 })
  })

  test('tells why a call reverts, so that viem decodes it', async () => {
    const { account, reader, token } = await deployToken(node, 2)
    const transfer = { address: token, abi: Token.abi, functionName: 'transfer' } as const
    const failure = await reader
      .simulateContract({ ...transfer, account, args: [account.address, 10n ** 20n] })
      .catch((error: unknown) => error)
    const revert = (failure as BaseError).walk((e) => e instanceof ContractFunctionRevertedError)
    expect((revert as ContractFunctionRevertedError).data).toMatchObject({
      errorName: 'TooLittle',
      args: [10n ** 20n, 1_000n],
    })
    await expect(
      reader.estimateContractGas({ ...transfer, account, args: [account.address, 10n ** 20n] }),
    ).rejects.toThrow('TooLittle')
  })

  test('answers a revert with code 3, its text and its bytes', async () => {
    const { wallet, reader, account } = clientsOf(node, 3)
    const hash = await wallet.deployContract({ ...Odd })
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash })
    const text = Buffer.from('no luck').toString('hex').padEnd(64, '0')
    const input = `0x${keccak256(toBytes('fail(string)')).slice(2, 10)}${'20'.padStart(64, '0')}${'7'.padStart(64, '0')}${text}`
    const { error } = await call(node.url, 'eth_call', [{ to: contractAddress, input }, 'latest'])
    expect(error).toMatchObject({ code: 3, message: 'execution reverted: no luck' })
    expect(error?.data).toMatch(/^0x08c379a0/)
    const burn = keccak256(toBytes('burn()')).slice(0, 10)
    const request = { from: account.address, to: contractAddress, input: burn, gas: '0x186a0' }
    expect((await call(node.url, 'eth_call', [request, 'latest'])).error?.code).toBe(-32000)
  })

  test('estimates gas that suffices, and not with much to spare', async () => {
    const { account, reader, wallet } = clientsOf(node, 4)
    const deployed = await wallet.deployContract({ ...Odd })
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployed })
    const odd = { address: contractAddress as Hex, abi: Odd.abi, account } as const
    const calls = [
      { ...odd, functionName: 'store', args: [0n, 10n, 5n] },
      { ...odd, functionName: 'store', args: [0n, 10n, 0n] }, // refunds
      { ...odd, functionName: 'nested', args: [5n] }, // 63/64 at each level
    ] as const
    for (const one of calls) {
      const gas = await reader.estimateContractGas(one)
      const hash = await wallet.writeContract({ ...one, gas })
      const receipt = await reader.waitForTransactionReceipt({ hash })
      expect(receipt.status, String(one.args)).toBe('success')
      expect(gas).toBeLessThan(receipt.gasUsed * 2n)
    }
    const to = `0x${'33'.repeat(20)}` as const
    expect(await reader.estimateGas({ account, to, value: 1n })).toBe(21_000n)
    await expect(reader.estimateGas({ account, to, value: 10n ** 30n })).rejects.toThrow('funds')
  })

  test('proves accounts and words against the state root of the block', async () => {
    const { account, reader, token } = await deployToken(node, 7)
    const { stateRoot, number } = await reader.getBlock()
    const slot = keccak256(`0x${account.address.slice(2).padStart(64, '0')}${'00'.repeat(32)}`)
    const proof = await reader.getProof({
      address: token,
      storageKeys: [slot],
      blockNumber: number,
    })
    const trie = await createMPTFromProof(
      proof.accountProof.map((node_) => toBytes(node_)),
      {
        root: toBytes(stateRoot),
      },
    )
    const rlp = await trie.get(keccak256(token, 'bytes'), true)
    const [nonce, , storageRoot, codeHash] = RLP.decode(rlp ?? new Uint8Array()) as Uint8Array[]
    expect(nonce).toEqual(Uint8Array.of(1))
    expect(toHex(storageRoot ?? new Uint8Array())).toBe(proof.storageHash)
    expect(toHex(codeHash ?? new Uint8Array())).toBe(proof.codeHash)
    const [entry] = proof.storageProof
    const words = await createMPTFromProof(
      (entry?.proof ?? []).map((node_) => toBytes(node_)),
      {
        root: storageRoot,
      },
    )
    expect(await words.get(keccak256(slot, 'bytes'), true)).toEqual(RLP.encode(1_000))
    expect(entry?.value).toBe(1_000n)
  })

  test('finds logs by range, address and topics, and through filters', async () => {
    const { account, reader, wallet, token, receipt } = await deployToken(node, 8)
    const filter = await reader.createContractEventFilter({ address: token, abi: Token.abi })
    const blocks = await reader.createBlockFilter()
    const pending = await reader.createPendingTransactionFilter()
    const hashes: Hex[] = []
    for (const [index, value] of [3n, 4n].entries()) {
      const to = `0x${String(index + 1).padStart(40, '0')}` as const
      const transfer = { address: token, abi: Token.abi, functionName: 'transfer' } as const
      hashes.push(await wallet.writeContract({ ...transfer, args: [to, value], gas: 100_000n }))
    }
    for (const hash of hashes) await reader.waitForTransactionReceipt({ hash })
    const changes = await reader.getFilterChanges({ filter })
    expect(changes.map(({ transactionHash }) => transactionHash)).toEqual(hashes)
    expect(await reader.getFilterChanges({ filter })).toEqual([])
    expect((await reader.getFilterChanges({ filter: blocks })).length).toBeGreaterThan(0)
    expect(await reader.getFilterChanges({ filter: pending })).toEqual(
      expect.arrayContaining(hashes),
    )
    const range = { fromBlock: receipt.blockNumber, toBlock: 'latest' } as const
    const events = await reader.getContractEvents({ address: token, abi: Token.abi, ...range })
    expect(events).toHaveLength(3)
    const topics = [
      keccak256(toBytes('Transfer(address,address,uint256)')),
      null,
      `0x${'2'.padStart(64, '0')}`,
    ]
    const query = { fromBlock: toHex(receipt.blockNumber), topics, address: [token] }
    const { result } = await call(node.url, 'eth_getLogs', [query])
    expect(result).toMatchObject([{ transactionHash: hashes[1], address: token.toLowerCase() }])
    const other = { ...query, address: account.address }
    expect((await call(node.url, 'eth_getLogs', [other])).result).toEqual([])
    const wide = { fromBlock: '0x0', toBlock: '0xffffff' }
    expect((await call(node.url, 'eth_getLogs', [wide])).result).toBeDefined()
    const backwards = { fromBlock: '0x2', toBlock: '0x1' }
    expect((await call(node.url, 'eth_getLogs', [backwards])).error?.code).toBe(-32602)
  })

  test('tells subscribers of blocks, logs and transactions', async () => {
    const { account, wallet, token } = await deployToken(node, 9)
    const transport = webSocket(node.wsUrl)({ chain: chain(node.url) })
    const told: Record<string, unknown[]> = { newHeads: [], logs: [], newPendingTransactions: [] }
    const subscribe = async (...params: [string, ...object[]]) => {
      const hear = (message: unknown) =>
        told[params[0]]?.push((message as { result: unknown }).result)
      return transport.value?.subscribe({
        params: params as never,
        onData: hear,
        onError: () => undefined,
      })
    }
    const ends = await Promise.all([
      subscribe('newHeads'),
      subscribe('logs', { address: token }),
      subscribe('newPendingTransactions'),
    ])
    const transfer = { address: token, abi: Token.abi, functionName: 'transfer' } as const
    const hash = await wallet.writeContract({ ...transfer, args: [account.address, 1n] })
    await expect
      .poll(() => told['logs'], { timeout: 10_000 })
      .toMatchObject([{ transactionHash: hash }])
    expect(told['newHeads']?.length).toBeGreaterThan(0)
    expect(told['newPendingTransactions']).toContain(hash)
    for (const end of ends) await end?.unsubscribe()
    ;(await transport.value?.getRpcClient())?.close()
  })

  test('counts a waiting transaction in the pending nonce', async () => {
    const { account, reader, wallet } = clientsOf(node, 10)
    const nonces = await Promise.all(
      [0, 1, 2].map(async (nonce) => {
        const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, gas: 21_000n }
        return wallet.sendTransaction({ ...fees, nonce, to: account.address, value: 1n })
      }),
    )
    expect(nonces).toHaveLength(3)
    const { address } = account
    expect(await reader.getTransactionCount({ address, blockTag: 'pending' })).toBe(3)
    const block = await reader.getBlock({ blockTag: 'pending' })
    expect(block.hash).toBeNull()
    const [fees, price] = await Promise.all([reader.estimateFeesPerGas(), reader.getGasPrice()])
    expect(fees.maxFeePerGas).toBeGreaterThan(block.baseFeePerGas ?? 0n)
    expect(price).toBeGreaterThan(block.baseFeePerGas ?? 0n)
  })

  test('gives the fee history with rewards', async () => {
    const { reader } = clientsOf(node, 0)
    const history = await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 90] })
    expect(history.baseFeePerGas).toHaveLength(history.gasUsedRatio.length + 1)
    expect(history.reward).toHaveLength(history.gasUsedRatio.length)
  })

  test('lists what a call touches', async () => {
    const { account, token } = await deployToken(node, 11)
    const input = `0x70a08231${account.address.slice(2).toLowerCase().padStart(64, '0')}`
    const { result } = await call(node.url, 'eth_createAccessList', [
      { to: token, input },
      'latest',
    ])
    const slot = keccak256(`0x${account.address.slice(2).padStart(64, '0')}${'00'.repeat(32)}`)
    expect(result).toMatchObject({
      accessList: [{ address: token.toLowerCase(), storageKeys: [slot] }],
    })
  })

  test('takes accounts to be other than they are for one call', async () => {
    const { reader, token } = await deployToken(node, 12)
    const code = await reader.getCode({ address: token })
    const address = `0x${'61'.repeat(20)}` as const
    const slot = keccak256(`0x${address.slice(2).padStart(64, '0')}${'00'.repeat(32)}`)
    const held = await reader.readContract({
      address,
      abi: Token.abi,
      functionName: 'balanceOf',
      args: [address],
      stateOverride: [{ address, code, stateDiff: [{ slot, value: toHex(9n, { size: 32 }) }] }],
    })
    expect(held).toBe(9n)
  })

  test.each([
    ['parse error', '{"jsonrpc":', -32700],
    ['no request', '7', -32600],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600],
    ['unknown method', '{"jsonrpc":"2.0","id":1,"method":"eth_none"}', -32601],
    [
      'wrong parameter',
      '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12"]}',
      -32602,
    ],
    ['missing parameter', '{"jsonrpc":"2.0","id":1,"method":"eth_call"}', -32602],
    ['empty batch', '[]', -32600],
    [
      'no transaction',
      '{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x01"]}',
      -32000,
    ],
  ])('answers %s with its code', async (_name, body, code) => {
    const answer = await post<{ error: { code: number } }>(node.url, body)
    expect(answer.error.code).toBe(code)
  })

  test('answers batches in order and refuses ones that are too large', async () => {
    const request = (id: number) => ({ jsonrpc: '2.0', id, method: 'eth_chainId' })
    const batch = [1, 2, 3].map(request)
    const answers = await post<{ id: number; result: string }[]>(node.url, JSON.stringify(batch))
    expect(answers.map(({ id, result }) => [id, result])).toEqual(
      [1, 2, 3].map((id) => [id, '0x133c3']),
    )
    const large = Array.from({ length: 1_001 }, (_, id) => request(id))
    const refused = await post<{ error: { code: number } }>(node.url, JSON.stringify(large))
    expect(refused.error.code).toBe(-32005)
    const huge = await fetch(node.url, { method: 'POST', body: 'x'.repeat(6_000_000) }).catch(
      () => null,
    )
    expect(huge?.status ?? 413).toBe(413)
    expect((await call(node.url, 'eth_chainId')).result).toBe('0x133c3')
  })

  test('names what is wrong with a transaction', async () => {
    const { account } = clientsOf(node, 13)
    const base = { chainId: 78787, type: 'eip1559', to: account.address, nonce: 0 } as const
    const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, gas: 21_000n }
    const messageOf = async (changes: object) => {
      const raw = await account.signTransaction({ ...base, ...fees, ...changes })
      return (await call(node.url, 'eth_sendRawTransaction', [raw])).error?.message
    }
    expect(await messageOf({ gas: 20_000n })).toBe('intrinsic gas too low')
    expect(await messageOf({ value: 10n ** 30n })).toBe(
      'insufficient funds for gas * price + value',
    )
    expect(await messageOf({ gas: 16_777_217n })).toMatch('gas limit')
    expect(await messageOf({ chainId: 1 })).toMatch(/chain ID/i)
    expect(await messageOf({ nonce: 5_000 })).toBe('nonce too high')
    expect(await messageOf({ nonce: 2 })).toBeUndefined()
    expect(await messageOf({ nonce: 2 })).toBe('already known')
    expect(await messageOf({ nonce: 2, value: 1n })).toBe('replacement transaction underpriced')
  })
})
