import {
  type Hex,
  createPublicClient,
  custom,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
} from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { failureOf } from '#chain/node/rpc/errors.ts'
import type { RpcContext, RpcMethods } from '#chain/node/rpc/context.ts'
import { simulateMethods } from '#chain/node/rpc/methods/simulate.ts'
import { samples } from '#test/unit/chain/samples.ts'
import {
  type World,
  accounts,
  createWorld,
  feeRecipient,
  zeroHash,
} from '#test/unit/chain/exec/world.ts'

const { Token, Odd, Child } = samples()
const [sender, other] = accounts as [(typeof accounts)[number], (typeof accounts)[number]]
const token = getContractAddress({ from: sender.address, nonce: 0n })
const odd = getContractAddress({ from: sender.address, nonce: 1n })
const quantity = (value: bigint | number): Hex => `0x${value.toString(16)}`

interface Simulated {
  readonly hash: Hex
  readonly calls: readonly {
    readonly logs: readonly { address: Hex; topics: Hex[]; data: Hex; logIndex: Hex }[]
  }[]
}

function transfer(to: Hex, value: bigint): Hex {
  return encodeFunctionData({ abi: Token.abi, functionName: 'transfer', args: [to, value] })
}

describe('eth_simulateV1', () => {
  let world: World
  let methods: RpcMethods

  beforeAll(async () => {
    world = await createWorld()
    const codes = [
      encodeDeployData({ ...Token, args: [100n] }),
      encodeDeployData({ ...Odd, args: [] }),
    ]
    const raws = codes.map((code, nonce) => signed({ data: code, nonce }))
    await world.mine(await Promise.all(raws))
    const { chain, simulateBlocks } = world.engine
    methods = simulateMethods({ chain, simulateBlocks } as RpcContext)
  })

  const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 7n, gas: 1_000_000n }
  function signed(fields: { data: Hex; nonce: number; to?: Hex }): Promise<Hex> {
    return sender.signTransaction({ ...fields, ...fees, chainId: 78787, type: 'eip1559' })
  }

  async function simulate(request: object): Promise<never[]> {
    return (await methods['eth_simulateV1']?.([request, 'latest'], undefined)) as never[]
  }

  async function failure(request: object) {
    const { code } = failureOf(await simulate(request).catch((error: unknown) => error))
    return code
  }

  test('carries the state from call to call and block to block, as viem asks for it', async () => {
    const client = createPublicClient({
      transport: custom({
        request: ({ method, params }) => Promise.resolve(methods[method]?.(params, undefined)),
      }),
    })
    const held = { to: token, abi: Token.abi, functionName: 'balanceOf' } as const
    const [first, second] = await client.simulateBlocks({
      blocks: [
        {
          calls: [
            { account: sender.address, to: token, data: transfer(other.address, 60n) },
            { account: other.address, to: token, data: transfer(sender.address, 1n) },
          ],
        },
        {
          calls: [
            { ...held, args: [sender.address] },
            { ...held, args: [other.address] },
          ],
        },
      ],
    })
    expect(first?.calls.map(({ status }) => status)).toEqual(['success', 'success'])
    expect(first?.calls[0]?.logs).toHaveLength(1)
    expect(second?.calls.map(({ result }) => result)).toEqual([41n, 59n])
    expect(second?.parentHash).toBe(first?.hash)
    expect(first?.number).toBe(BigInt(world.engine.chain.head().header.number + 1))
    expect(world.engine.chain.head().header.number).toBe(1)
  })

  test('a validated block comes out as the real one, to the state root', async () => {
    const other2 = `0x${'42'.repeat(20)}` as const
    const input = transfer(other2, 5n)
    const place = {
      timestamp: world.engine.chain.head().header.timestamp + 3,
      prevRandao: zeroHash,
    }
    const [block] = await simulate({
      validation: true,
      blockStateCalls: [
        {
          blockOverrides: { time: quantity(place.timestamp), feeRecipient },
          calls: [
            {
              from: sender.address,
              to: token,
              input,
              nonce: '0x2',
              gas: quantity(fees.gas),
              maxFeePerGas: quantity(fees.maxFeePerGas),
              maxPriorityFeePerGas: quantity(fees.maxPriorityFeePerGas),
            },
          ],
        },
      ],
    })
    const raw = await signed({ data: input, nonce: 2, to: token })
    const { header } = await world.mine([raw], { ...place, parentBeaconBlockRoot: zeroHash })
    expect(block).toMatchObject({
      stateRoot: header.stateRoot,
      receiptsRoot: header.receiptsRoot,
      gasUsed: quantity(header.gasUsed),
      baseFeePerGas: quantity(header.baseFeePerGas),
      logsBloom: header.logsBloom,
    })
  })

  test('asks nothing of senders unless it validates', async () => {
    const call = { from: odd, to: other.address, value: '0x64', nonce: '0x99' }
    const stateOverrides = { [odd]: { balance: '0x64' } }
    const [block] = await simulate({ blockStateCalls: [{ stateOverrides, calls: [call] }] })
    expect(block).toMatchObject({ calls: [{ status: '0x1', gasUsed: '0x5208' }] })
    const validating = { validation: true, blockStateCalls: [{ stateOverrides, calls: [call] }] }
    expect(await failure(validating)).toBe(-38011)
  })

  test.each([
    ['a nonce that is used', { nonce: '0x0' }, -38010],
    ['a nonce to come', { nonce: '0x77' }, -38011],
    ['a fee below the base fee', { maxFeePerGas: '0x1' }, -38012],
    ['too little gas', { gas: '0x5207' }, -38013],
    ['more than there is', { value: quantity(10n ** 30n) }, -38014],
    ['more gas than the block has', { gas: quantity(30_000_001) }, -38015],
  ])('refuses %s', async (_name, fields, code) => {
    const call = { from: sender.address, to: other.address, ...fields }
    expect(await failure({ validation: true, blockStateCalls: [{ calls: [call] }] })).toBe(code)
  })

  test('tells why a call failed, and the others go on', async () => {
    const input = encodeFunctionData({ abi: Odd.abi, functionName: 'fail', args: ['because'] })
    const calls = [
      { from: sender.address, to: odd, input },
      {
        from: sender.address,
        to: odd,
        data: encodeFunctionData({ abi: Odd.abi, functionName: 'burn' }),
        gas: '0x186a0',
      },
      { from: sender.address, to: other.address },
    ]
    const [block] = await simulate({ blockStateCalls: [{ calls }] })
    expect(block).toMatchObject({
      calls: [
        { status: '0x0', error: { code: 3, message: 'execution reverted: because' } },
        { status: '0x0', error: { code: -32015 }, gasUsed: '0x186a0' },
        { status: '0x1' },
      ],
    })
  })

  test('fills gaps with empty blocks; numbers and times rise', async () => {
    const { number, timestamp } = world.engine.chain.head().header
    const at = (blockOverrides: object) => ({ blockStateCalls: [{ blockOverrides }] })
    const blocks = await simulate(at({ number: quantity(number + 4) }))
    expect(blocks).toHaveLength(4)
    expect(await failure(at({ number: quantity(number) }))).toBe(-38020)
    expect(await failure(at({ time: quantity(timestamp) }))).toBe(-38021)
    expect(await failure(at({ number: quantity(number + 257) }))).toBe(-38026)
  })

  test('shows movements of coin as logs, in order, without what was undone', async () => {
    const salts = ['31', '32', '33'].map((byte): Hex => `0x${byte.repeat(32)}`)
    const call = (functionName: string, value: number, args: readonly unknown[] = []) => {
      const input = encodeFunctionData({ abi: Odd.abi, functionName, args })
      return { from: sender.address, to: odd, value: quantity(value), input, gas: '0x100000' }
    }
    const calls = [
      { from: sender.address, to: other.address, value: '0x3' },
      call('birth', 5, [salts[0]]),
      call('birthAndEnd', 7, [salts[1]]),
      call('fail', 11, ['not payable']),
      call('nested', 0, [2n]),
      { from: sender.address, input: encodeDeployData({ ...Child, args: [] }), value: '0x2' },
    ]
    const request = { blockStateCalls: [{ calls }] }
    const [plain] = (await simulate(request)) as unknown as Simulated[]
    const [block] = (await simulate({ ...request, traceTransfers: true })) as unknown as Simulated[]
    const coin = `0x${'ee'.repeat(20)}`
    const at = (word: Hex | undefined) => `0x${word?.slice(26)}`
    const names: Record<string, string> = {
      [sender.address.toLowerCase()]: 'sender',
      [other.address.toLowerCase()]: 'other',
      [odd.toLowerCase()]: 'odd',
    }
    const nameOf = (word: Hex | undefined) => names[at(word)] ?? 'child'
    const shown = block?.calls.map(({ logs }) =>
      logs.map(({ address, topics, data }) =>
        address === coin ? `${nameOf(topics[1])} ${nameOf(topics[2])} ${Number(data)}` : 'log',
      ),
    )
    expect(shown).toEqual([
      ['sender other 3'],
      ['sender odd 5', 'odd child 5', 'log'],
      ['sender odd 7', 'odd child 7', 'child sender 7', 'log'],
      [],
      [],
      ['sender child 2'],
    ])
    expect(
      block?.calls.flatMap(({ logs }) => logs.map(({ logIndex }) => Number(logIndex))),
    ).toEqual([...Array(9).keys()])
    expect(block?.hash).toBe(plain?.hash)
    expect(plain?.calls.map(({ logs }) => logs.length)).toEqual([0, 1, 1, 0, 0, 0])
  })

  test('refuses what it cannot do', async () => {
    const call = { from: sender.address }
    expect(await failure({ blockStateCalls: [] })).toBe(-32602)
    const many = Array.from({ length: 1_001 }, () => call)
    expect(await failure({ blockStateCalls: [{ calls: many }] })).toBe(-32005)
  })
})
