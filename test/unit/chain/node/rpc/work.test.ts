import { encodeAbiParameters, encodeEventTopics } from 'viem'
import { describe, expect, test } from 'vitest'
import { fromHex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import { zeroHash } from '#chain/core/header.ts'
import { addToBloom } from '#chain/exec/embedded/receipt.ts'
import { failureOf } from '#chain/node/rpc/errors.ts'
import type { RpcContext } from '#chain/node/rpc/context.ts'
import { networkMethods } from '#chain/node/rpc/methods/network.ts'
import { workMethods } from '#chain/node/rpc/methods/work.ts'
import { keccak256 } from '#base/crypto/keys.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { jobIdAt, segmentIdAt, word } from '../urn-storage.ts'

const headHeight = 40
const worker = `0x${'aa'.repeat(20)}` as const
const leader = `0x${'bb'.repeat(20)}` as const

/** Units of job 0 lead at heights 30 and 34, where the leader was silent once; of job 1 at 36. */
const drawn: Readonly<Record<number, { job: number; j: number; mode: 'work' | 'stake' }>> = {
  30: { job: 0, j: 3, mode: 'work' },
  34: { job: 0, j: 0, mode: 'stake' },
  36: { job: 1, j: 0, mode: 'work' },
}

function blockAt(height: number): ConsensusBlock {
  const unit = drawn[height]
  const work = unit && { segmentId: segmentIdAt(unit.job), j: unit.j, jobId: jobIdAt(unit.job) }
  return {
    height,
    view: height,
    mode: unit?.mode ?? 'stake',
    modelHash: unit ? word(7) : zeroHash,
    proposer: leader,
    ...(work && { work }),
  } as unknown as ConsensusBlock
}

const committed = eventOf('SegmentCommitted', { jobId: jobIdAt(0), worker }, [
  { type: 'bytes32', value: segmentIdAt(0) },
  { type: 'uint8', value: 1 },
  { type: 'bytes', value: '0x' },
])
const matured = eventOf(
  'SegmentMatured',
  { jobId: jobIdAt(0), segmentId: segmentIdAt(0), seat: 129n },
  [{ type: 'uint256', value: 12n }],
)
const foreign = eventOf(
  'SegmentMatured',
  { jobId: jobIdAt(1), segmentId: segmentIdAt(1), seat: 130n },
  [{ type: 'uint256', value: 5n }],
)
const logsAt: Readonly<Record<number, readonly ReturnType<typeof eventOf>[]>> = {
  20: [committed],
  28: [matured, foreign],
}

function eventOf(
  eventName: 'SegmentCommitted' | 'SegmentMatured',
  args: object,
  words: readonly { type: string; value: unknown }[],
) {
  const topics = encodeEventTopics({ abi: workLedgerAbi, eventName, args })
  const values = words.map(({ value }) => value)
  return {
    address: fromHex(systemAddresses.WorkLedger),
    topics: (topics as readonly `0x${string}`[]).map(fromHex),
    payload: fromHex(encodeAbiParameters(words, values)),
  }
}

const header = (number: number) => ({ number, timestamp: number })
const context = {
  keccak256,
  consensus: {
    get: (height: number) => (height >= 1 ? { block: blockAt(height) } : undefined),
  },
  chain: {
    genesisHash: zeroHash,
    head: () => ({ header: header(headHeight), blockHash: zeroHash }),
    finalised: () => ({ header: header(headHeight), blockHash: zeroHash }),
    byNumber: (number: number) => ({ header: header(number), blockHash: zeroHash }),
    receipts: ({ header: { number } }: { header: { number: number } }) => [
      { logs: logsAt[number] ?? [], transactionHash: zeroHash },
    ],
    async *logBlocks(from: number, to: number) {
      for (const number of Object.keys(logsAt).map(Number)) {
        const logsBloom = new Uint8Array(256)
        for (const log of logsAt[number] ?? []) addToBloom(logsBloom, log, keccak256)
        if (number >= from && number <= to) yield { number, logsBloom }
      }
    },
  },
  live: { status: async () => ({ waitingTransactions: 0, validators: 1 }) },
} as unknown as RpcContext

const methods = workMethods(context)
const ask = async (method: string, ...params: readonly unknown[]) =>
  methods[method]?.(params, undefined)

describe('quern_elections', () => {
  test('tells who led each height, and by which unit', async () => {
    const elections = (await ask('quern_elections', 29, 3)) as object[]
    expect(elections).toEqual([
      { height: 29, view: 29, mode: 'stake', leader, modelHash: zeroHash, work: null },
      {
        height: 30,
        view: 30,
        mode: 'work',
        leader,
        modelHash: word(7),
        work: { segmentId: segmentIdAt(0), j: 3, jobId: jobIdAt(0) },
      },
      { height: 31, view: 31, mode: 'stake', leader, modelHash: zeroHash, work: null },
    ])
  })

  test('begins with the first block and ends with the last', async () => {
    expect(await ask('quern_elections', '0x0', '0x2')).toMatchObject([{ height: 1 }])
    expect(await ask('quern_elections', headHeight, 10)).toMatchObject([{ height: headHeight }])
    expect(await ask('quern_elections', headHeight + 1, 10)).toEqual([])
  })

  test.each([
    ['too many heights', [1, 1_025]],
    ['no count', [1]],
    ['a negative height', [-1, 5]],
  ])('refuses %s', async (_, params) => {
    const failure = await ask('quern_elections', ...params).catch((error: unknown) => error)
    expect(failureOf(failure).code).toBe(-32602)
  })
})

describe('quern_segments', () => {
  test('tells what was committed, what matured into units, and which of them were drawn', async () => {
    expect(await ask('quern_segments', jobIdAt(0))).toEqual({
      jobId: jobIdAt(0),
      fromHeight: 0,
      committed: [{ segmentId: segmentIdAt(0), worker, attempt: 1, height: 20 }],
      matured: [{ segmentId: segmentIdAt(0), seat: 129, units: 12, height: 28 }],
      units: 12,
      spent: [
        { height: 30, mode: 'work', segmentId: segmentIdAt(0), j: 3 },
        { height: 34, mode: 'stake', segmentId: segmentIdAt(0), j: 0 },
      ],
    })
  })

  test('knows nothing of a job without segments', async () => {
    expect(await ask('quern_segments', word(5))).toMatchObject({
      committed: [],
      units: 0,
      spent: [],
    })
  })
})

describe('quern_status', () => {
  test('names the newest draw instead of a model hash of its own', async () => {
    const status = await networkMethods(context)['quern_status']?.([], undefined)
    expect(status).toMatchObject({
      validators: 1,
      newestDraw: { height: 36, mode: 'work', jobId: jobIdAt(1), modelHash: word(7) },
    })
  })
})
