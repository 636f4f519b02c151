import { createBlockFromRPC } from '@ethereumjs/block'
import { createMPT } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import {
  type Hex,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  parseEther,
} from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keccak256 } from '#base/crypto/keys.ts'
import { toHex } from '#base/hex.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { decodeAccount } from '#chain/exec/embedded/state-view.ts'
import { emptyRootBytes } from '#chain/exec/embedded/trie-loader.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { connectHardhat } from './hardhat-peer.ts'
import { samples } from '../samples.ts'
import { type World, accounts, createWorld, feeRecipient } from './world.ts'

type Provider = Awaited<ReturnType<typeof connectHardhat>>['provider']

interface Script {
  readonly name: string
  readonly nonce: number
  readonly signer: number
  readonly to?: Hex
  readonly input?: Hex
  readonly value?: bigint
  readonly gas: bigint
  readonly type?: 'legacy' | 'eip2930' | 'eip1559'
}

const token = getContractAddress({ from: accounts[0]?.address ?? '0x', nonce: 0n })
const odd = getContractAddress({ from: accounts[0]?.address ?? '0x', nonce: 1n })

function scripts(): Script[] {
  const { Token, Odd } = samples()
  const call = (functionName: string, args: unknown[]) =>
    encodeFunctionData({ abi: [...Token.abi, ...Odd.abi], functionName, args })
  const salt: Hex = `0x${'11'.repeat(32)}`
  let nonce = 0
  const step = (name: string, script: Partial<Script>): Script => {
    const mine = { name, nonce, signer: 0, gas: 1_000_000n, ...script }
    nonce += 1
    return mine
  }
  return [
    step('deploy token', {
      input: encodeDeployData({ abi: Token.abi, bytecode: Token.bytecode, args: [10n ** 24n] }),
      gas: 2_000_000n,
    }),
    step('deploy odd', { input: Odd.bytecode, gas: 5_000_000n }),
    step('transfer', { to: accounts[1]?.address, value: parseEther('1'), gas: 21_000n }),
    step('transfer to a new account', { to: `0x${'77'.repeat(20)}`, value: 1n, gas: 21_000n }),
    step('empty transfer touches nobody', { to: `0x${'78'.repeat(20)}`, gas: 21_000n }),
    step('legacy transfer', { to: accounts[2]?.address, value: 5n, type: 'legacy', gas: 30_000n }),
    step('access list', { to: token, type: 'eip2930', input: call('total', []) }),
    step('token transfer', { to: token, input: call('transfer', [accounts[1]?.address, 5n]) }),
    step('token transfer again', {
      to: token,
      input: call('transfer', [accounts[1]?.address, 6n]),
    }),
    step('custom error', {
      to: token,
      input: call('transfer', [accounts[1]?.address, 10n ** 30n]),
    }),
    step('store', { to: odd, input: call('store', [0n, 20n, 9n]) }),
    step('clear with refunds', { to: odd, input: call('store', [0n, 15n, 0n]) }),
    step('create2', { to: odd, value: 3n, input: call('birth', [salt]) }),
    step('create2 collision', { to: odd, input: call('birth', [salt]) }),
    step('create and end', {
      to: odd,
      value: 4n,
      input: call('birthAndEnd', [`0x${'22'.repeat(32)}`]),
    }),
    step('create where one ended', { to: odd, input: call('birth', [`0x${'22'.repeat(32)}`]) }),
    step('revert', { to: odd, input: call('fail', ['no']) }),
    step('out of gas', { to: odd, input: call('burn', []), gas: 300_000n }),
    step('nested', { to: odd, input: call('nested', [6n]) }),
    step('precompiles', {
      to: odd,
      input: call('precompiles', [
        `0x${'01'.repeat(32)}`,
        27,
        `0x${'02'.repeat(32)}`,
        `0x${'03'.repeat(32)}`,
      ]),
    }),
    step('transient', { to: odd, input: call('transient_', [5n]) }),
    step('calldata floor', {
      to: accounts[3]?.address,
      input: `0x${'ff'.repeat(1000)}`,
      gas: 100_000n,
    }),
    step('bad init code', { input: '0xfe', gas: 100_000n }),
    step('init code that starts with EF', { input: '0x60ef60005360016000f3', gas: 100_000n }),
    step('value to a contract', { to: odd, value: 9n, gas: 50_000n }),
  ]
}

async function sign(script: Script): Promise<Hex> {
  const common = {
    chainId: 78787,
    nonce: script.nonce,
    to: script.to,
    data: script.input,
    value: script.value ?? 0n,
    gas: script.gas,
  }
  const signer = accounts[script.signer]
  if (signer === undefined) throw new Error('no such signer')
  if (script.type === 'legacy') {
    return signer.signTransaction({ ...common, type: 'legacy', gasPrice: 3_000_000_000n })
  }
  if (script.type === 'eip2930') {
    const accessList = [{ address: token, storageKeys: [`0x${'00'.repeat(32)}` as const] }]
    return signer.signTransaction({
      ...common,
      type: 'eip2930',
      gasPrice: 3_000_000_000n,
      accessList,
    })
  }
  return signer.signTransaction({
    ...common,
    type: 'eip1559',
    maxFeePerGas: 4_000_000_000n,
    maxPriorityFeePerGas: 1_000_000_000n,
  })
}

/** The state root that the stock trie gives for the accounts and words in a store. */
async function stockRoot(store: KeyValueStore): Promise<Hex> {
  const accountTrie = await createMPT()
  for await (const [key, rlp] of store.entries({
    gte: Uint8Array.of(0x61),
    lt: Uint8Array.of(0x62),
  })) {
    const address = key.subarray(1)
    const trie = await createMPT()
    const words = {
      gte: Uint8Array.of(0x73, ...address),
      lt: Uint8Array.of(0x73, ...address, ...Array(33).fill(255)),
    }
    let count = 0
    for await (const [slot, word] of store.entries(words)) {
      await trie.put(keccak256(slot.subarray(21)), RLP.encode(word))
      count += 1
    }
    const account = decodeAccount(Uint8Array.from(rlp))
    expect(toHex(account.storageRoot)).toBe(toHex(count === 0 ? emptyRootBytes : trie.root()))
    await accountTrie.put(keccak256(address), Uint8Array.from(rlp))
  }
  return toHex(accountTrie.root())
}

describe('a block', () => {
  let world: World
  let payload: Payload
  let peer: Provider
  let close: () => Promise<void>

  beforeAll(async () => {
    world = await createWorld()
    const raws = await Promise.all(scripts().map(sign))
    payload = await world.mine(raws)
    const connection = await connectHardhat()
    peer = connection.provider
    close = () => connection.close()
    for (const params of raws.map((raw) => [raw])) {
      await peer.request({ method: 'eth_sendRawTransaction', params })
    }
    await peer.request({ method: 'hardhat_setPrevRandao', params: [payload.header.prevRandao] })
    await peer.request({ method: 'evm_mine', params: [] })
  })
  afterAll(() => close())

  test('holds every transaction', () => {
    expect(payload.transactions).toHaveLength(scripts().length)
  })

  test('has the receipts, bloom and gas that another implementation gives', async () => {
    const theirs = (await peer.request({
      method: 'eth_getBlockByNumber',
      params: ['latest', false],
    })) as Record<string, string>
    const { header } = payload
    const ours = world.engine.chain.receipts(payload).map((receipt, i) => ({
      name: scripts()[i]?.name,
      status: receipt.hasSucceeded,
      gasUsed: receipt.gasUsed,
      logs: receipt.logs.map(({ topics, payload: bytes }) => [topics.map(toHex), toHex(bytes)]),
    }))
    const receipts = await Promise.all(
      world.engine.chain.receipts(payload).map(
        ({ transactionHash }) =>
          peer.request({
            method: 'eth_getTransactionReceipt',
            params: [transactionHash],
          }) as Promise<{ status: Hex; gasUsed: Hex; logs: { topics: Hex[]; data: Hex }[] }>,
      ),
    )
    const expected = receipts.map((receipt, i) => ({
      name: scripts()[i]?.name,
      status: receipt.status === '0x1',
      gasUsed: BigInt(receipt.gasUsed),
      logs: receipt.logs.map(({ topics, data }) => [topics, data]),
    }))
    expect(ours).toEqual(expected)
    expect(theirs['baseFeePerGas']).toBe(`0x${header.baseFeePerGas.toString(16)}`)
    expect(theirs['transactionsRoot']).toBe(header.transactionsRoot)
    expect(theirs['receiptsRoot']).toBe(header.receiptsRoot)
    expect(theirs['logsBloom']).toBe(header.logsBloom)
    expect(theirs['gasUsed']).toBe(`0x${header.gasUsed.toString(16)}`)
  })

  test('leaves the balances, nonces and codes that another implementation leaves', async () => {
    const ask = (method: string, address: string) =>
      peer.request({ method, params: [address, 'latest'] }) as Promise<Hex>
    const view = world.engine.chain.stateAfter(payload.blockHash)
    const some = [
      ...accounts.map(({ address }) => address),
      token,
      odd,
      feeRecipient,
      `0x${'77'.repeat(20)}`,
      `0x${'78'.repeat(20)}`,
    ]
    for (const address of some) {
      const account = view?.account(Buffer.from(address.slice(2), 'hex').toString('latin1'))
      expect(`0x${(account?.balance ?? 0n).toString(16)}`, address).toBe(
        await ask('eth_getBalance', address),
      )
      expect(`0x${(account?.nonce ?? 0n).toString(16)}`).toBe(
        await ask('eth_getTransactionCount', address),
      )
    }
  })

  test('has the state root that the stock trie gives', async () => {
    expect(payload.header.stateRoot).toBe(await stockRoot(world.store))
  })

  test('is a block that the stock library accepts', async () => {
    const common = createChainCommon(78787, await loadCrypto())
    const { header } = payload
    const block = createBlockFromRPC(
      {
        ...(rpcHeader(header) as unknown as Parameters<typeof createBlockFromRPC>[0]),
        transactions: [],
        withdrawals: [],
      },
      undefined,
      { common, skipConsensusFormatValidation: false },
    )
    expect(toHex(block.hash())).toBe(payload.blockHash)
  })

  test('is refused when a stranger changes it', async () => {
    const fresh = await createWorld()
    expect(await fresh.engine.newPayload(payload)).toEqual({ kind: 'valid' })
    const wrong = fresh.engine.reseal(
      { ...payload, header: { ...payload.header, stateRoot: payload.header.receiptsRoot } },
      payload.header.extraData,
    )
    expect(await fresh.engine.newPayload(wrong)).toMatchObject({ kind: 'invalid' })
    const short = { ...payload, transactions: payload.transactions.slice(1) }
    const other = await createWorld()
    expect(await other.engine.newPayload(short)).toMatchObject({ kind: 'invalid' })
    const orphan = fresh.engine.reseal(
      { ...payload, header: { ...payload.header, parentHash: payload.header.receiptsRoot } },
      payload.header.extraData,
    )
    expect(await fresh.engine.newPayload(orphan)).toEqual({ kind: 'syncing' })
  })
})

function rpcHeader(header: Payload['header']) {
  const hex = (value: bigint | number) => `0x${value.toString(16)}`
  return {
    parentHash: header.parentHash,
    sha3Uncles: '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347',
    miner: header.feeRecipient,
    stateRoot: header.stateRoot,
    transactionsRoot: header.transactionsRoot,
    receiptsRoot: header.receiptsRoot,
    logsBloom: header.logsBloom,
    difficulty: '0x0',
    number: hex(header.number),
    gasLimit: hex(header.gasLimit),
    gasUsed: hex(header.gasUsed),
    timestamp: hex(header.timestamp),
    extraData: header.extraData,
    mixHash: header.prevRandao,
    nonce: '0x0000000000000000',
    baseFeePerGas: hex(header.baseFeePerGas),
    withdrawalsRoot: header.withdrawalsRoot,
    blobGasUsed: '0x0',
    excessBlobGas: '0x0',
    parentBeaconBlockRoot: header.parentBeaconBlockRoot,
    requestsHash: header.requestsHash,
    uncles: [],
    size: '0x0',
    totalDifficulty: '0x0',
  }
}

describe('a full block', () => {
  test('lets this thread come round while it is run', async () => {
    const endless: Hex = '0x5b5f56' // JUMPDEST, PUSH0, JUMP: spends all the gas that it gets
    const world = await createWorld()
    const [sender] = accounts as [(typeof accounts)[0]]
    const fees = {
      chainId: 78787,
      maxFeePerGas: parseEther('1', 'gwei') * 2n,
      type: 'eip1559',
    } as const
    const raws = Array.from({ length: 12 }, (_, nonce) =>
      sender.signTransaction({ ...fees, nonce, data: endless, gas: 2_000_000n }),
    )
    world.add(await Promise.all(raws))
    let turns = 0
    let isOver = false
    const turning = (async () => {
      for (; !isOver; turns += 1) await new Promise((resolve) => setImmediate(resolve))
    })()
    const payload = await world.build()
    isOver = true
    await turning
    expect(payload.header.gasUsed).toBe(24_000_000n)
    expect(turns).toBeGreaterThanOrEqual(10)
  })
})
