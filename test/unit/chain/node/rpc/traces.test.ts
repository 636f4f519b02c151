import { type Hex, encodeDeployData, encodeFunctionData, getContractAddress, keccak256 } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RpcContext, RpcMethods } from '#chain/node/rpc/context.ts'
import { fromHex } from '#base/hex.ts'
import { noBytes, wordOf } from '#chain/exec/embedded/state-view.ts'
import { traceMethods } from '#chain/node/rpc/methods/traces.ts'
import { connectHardhat } from '#test/unit/chain/exec/hardhat-peer.ts'
import { samples } from '#test/unit/chain/samples.ts'
import { toKey } from '#store/key.ts'
import { type World, accounts, createWorld, zeroHash } from '#test/unit/chain/exec/world.ts'

const { Token, Odd } = samples()
const [sender] = accounts as [(typeof accounts)[number]]
const salt: Hex = `0x${'11'.repeat(32)}`
const odd = getContractAddress({ from: sender.address, nonce: 0n })

function inputOf(functionName: string, args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi: [...Token.abi, ...Odd.abi], functionName, args })
}

const scripts: readonly { readonly to?: Hex; readonly data: Hex; readonly value?: bigint }[] = [
  { data: encodeDeployData({ ...Odd, args: [] }) },
  { to: odd, data: inputOf('nested', [3n]) },
  { to: odd, data: inputOf('birth', [salt]), value: 5n },
  { to: odd, data: inputOf('store', [0n, 3n, 7n]) },
  { to: odd, data: inputOf('fail', ['because']) },
  { to: odd, data: inputOf('birthAndEnd', [keccak256(salt)]) },
]

function rawOf(index: number): Promise<Hex> {
  const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 0n, gas: 1_000_000n }
  return sender.signTransaction({
    ...scripts[index],
    ...fees,
    nonce: index,
    chainId: 78787,
    type: 'eip1559',
  })
}

interface StepTrace {
  readonly gas: number
  readonly failed: boolean
  readonly structLogs: readonly {
    pc: number
    op: string
    gas: number
    depth: number
    stack: readonly Hex[]
    memory?: unknown
    storage?: unknown
  }[]
}

type States = Readonly<
  Record<Hex, { balance: Hex; nonce?: number; code?: Hex; storage?: Record<string, Hex> }>
>

describe('traceMethods', () => {
  let world: World
  let methods: RpcMethods
  let peer: Awaited<ReturnType<typeof connectHardhat>>
  let hashes: Hex[]
  const trace = async (index: number, options?: object) => {
    return methods['debug_traceTransaction']?.(
      [hashes[index], options],
      undefined,
    ) as Promise<unknown>
  }

  beforeAll(async () => {
    world = await createWorld()
    const raws = await Promise.all(scripts.map((_, index) => rawOf(index)))
    hashes = raws.map((raw) => keccak256(raw))
    await world.mine(raws)
    const { chain, replayer, decode } = world.engine
    methods = traceMethods({ chain, replayer, decode } as RpcContext)
    peer = await connectHardhat()
    for (const raw of raws) {
      await peer.provider.request({ method: 'eth_sendRawTransaction', params: [raw] })
    }
    await peer.provider.request({ method: 'hardhat_mine', params: ['0x1'] })
  })
  afterAll(() => peer.close())

  test.each([...scripts.keys()])(
    'transaction %i runs the same steps as on another client',
    async (index) => {
      const own = (await trace(index)) as StepTrace
      const other = (await peer.provider.request({
        method: 'debug_traceTransaction',
        params: [hashes[index], {}],
      })) as StepTrace
      const short = ({ structLogs }: StepTrace) =>
        structLogs.map(({ pc, op, gas, depth }) => `${depth} ${pc} ${op} ${gas}`)
      expect(own.gas).toBe(other.gas)
      expect(own.failed).toBe(other.failed)
      expect(short(own)).toEqual(short(other))
    },
  )

  test('shows stack and storage by default, memory where it is asked for', async () => {
    const { structLogs } = (await trace(3, { enableMemory: true })) as StepTrace
    const store = structLogs.filter(({ op }) => op === 'SSTORE')
    expect(store).toHaveLength(3)
    expect(Object.keys(store[2]?.storage as object)).toHaveLength(3)
    expect(store[0]?.stack.at(-2)).toBe('0x7')
    expect(store[0]?.memory).toBeDefined()
    const bare = (await trace(3, { disableStack: true, disableStorage: true })) as StepTrace
    expect(
      bare.structLogs.some((step) => 'stack' in step || 'storage' in step || 'memory' in step),
    ).toBe(false)
  })

  test('gives the tree of calls, with errors, reasons and logs where they belong', async () => {
    const nested = await trace(1, { tracer: 'callTracer' })
    expect(nested).toMatchObject({
      type: 'CALL',
      to: odd.toLowerCase(),
      calls: [
        {
          type: 'CALL',
          calls: [{ calls: [{ error: 'execution reverted', revertReason: 'deep' }] }],
        },
      ],
    })
    const birth = await trace(2, { tracer: 'callTracer', tracerConfig: { withLog: true } })
    expect(birth).toMatchObject({
      value: '0x5',
      calls: [{ type: 'CREATE2', value: '0x5' }],
      logs: [{ address: odd.toLowerCase() }],
    })
    expect(
      await trace(2, { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } }),
    ).not.toHaveProperty('calls')
    expect(await trace(4, { tracer: 'callTracer' })).toMatchObject({
      error: 'execution reverted',
      revertReason: 'because',
    })
    const end = await trace(5, { tracer: 'callTracer', tracerConfig: { withLog: true } })
    expect(end).toMatchObject({
      calls: [{ type: 'CREATE2' }, { type: 'CALL' }, { type: 'STATICCALL' }],
    })
  })

  test('gives the touched accounts as they were before', async () => {
    const stored = (await trace(3, { tracer: 'prestateTracer' })) as States
    const payer = sender.address.toLowerCase() as Hex
    const { header } = world.engine.chain.head()
    expect(Object.keys(stored).toSorted()).toEqual(
      [payer, odd.toLowerCase(), header.feeRecipient].toSorted(),
    )
    expect(stored[payer]?.nonce).toBe(3)
    const contract = stored[odd.toLowerCase() as Hex]
    expect(contract?.code).toMatch(/^0x60/)
    expect(Object.values(contract?.storage ?? {})).toEqual([
      zeroHash,
      wordOf(Uint8Array.of(1)), // what an earlier transaction of the block has stored
      zeroHash,
    ])
    const tracerConfig = { disableCode: true, disableStorage: true }
    const bare = (await trace(3, { tracer: 'prestateTracer', tracerConfig })) as States
    expect(bare[odd.toLowerCase() as Hex]).toEqual({
      balance: contract?.balance,
      nonce: contract?.nonce,
    })
  })

  test('gives what each transaction changed, so that one follows from the other', async () => {
    const all: Record<Hex, States[Hex]> = {}
    for (const index of scripts.keys()) {
      const tracerConfig = { diffMode: true }
      const { pre, post } = (await trace(index, { tracer: 'prestateTracer', tracerConfig })) as {
        pre: States
        post: States
      }
      for (const [address, { storage, ...account }] of Object.entries(pre) as [
        Hex,
        States[Hex],
      ][]) {
        const known = all[address]
        if (known !== undefined) expect(known).toMatchObject(account)
        for (const [slot, word] of Object.entries(storage ?? {}))
          expect(known?.storage?.[slot]).toBe(word)
      }
      for (const [address, changed] of Object.entries(post) as [Hex, States[Hex]][]) {
        const { storage, ...account } = {
          balance: '0x0' as const,
          ...pre[address],
          ...all[address],
        }
        all[address] = { ...account, ...changed, storage: { ...storage, ...changed.storage } }
      }
    }
    const view = world.engine.chain.stateAfter(world.engine.chain.head().blockHash)
    for (const [address, { balance, nonce = 0, storage }] of Object.entries(all)) {
      const key = toKey(fromHex(address))
      expect([BigInt(balance), nonce]).toEqual([
        view?.account(key)?.balance,
        Number(view?.account(key)?.nonce),
      ])
      for (const [slot, word] of Object.entries(storage ?? {})) {
        expect(wordOf(view?.slot(key, toKey(fromHex(slot as Hex))) ?? noBytes)).toBe(word)
      }
    }
    const words = Object.values(all[odd.toLowerCase() as Hex]?.storage ?? {})
    expect(words.filter((word) => word === wordOf(Uint8Array.of(7)))).toHaveLength(3)
    // The deployed contract, a child that stays and the payer; no child that was destroyed, and no tips.
    expect(Object.keys(all)).toHaveLength(3)
  })

  test('traces whole blocks', async () => {
    const block = await methods['debug_traceBlockByNumber']?.(
      ['0x1', { tracer: 'callTracer' }],
      undefined,
    )
    expect(block).toHaveLength(scripts.length)
    expect(block).toMatchObject(hashes.map((txHash) => ({ txHash })))
  })

  test('refuses what it does not know', async () => {
    await expect(trace(1, { tracer: '4byteTracer' })).rejects.toThrow(/callTracer/)
    const unknown = methods['debug_traceTransaction']?.([`0x${'00'.repeat(32)}`], undefined)
    await expect(unknown).rejects.toThrow('transaction not found')
  })

  test('ends a trace that is too large, and the next one runs', async () => {
    const { createStepWatcher } = await import('#chain/exec/embedded/watch-steps.ts')
    const block = world.engine.chain.head()
    const options = {
      withMemory: false,
      withStack: true,
      withStorage: true,
      stepsMax: 10,
      bytesMax: 1e6,
    }
    const traced = world.engine.replayer.replay(block, [1], () => createStepWatcher(options))
    await expect(traced).rejects.toMatchObject({ code: 'TRACE_TOO_LARGE' })
    expect(await trace(1)).toMatchObject({ failed: false })
  })
})
