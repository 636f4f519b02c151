import { describe, expect, test } from 'vitest'
import { createBlstScheme } from '#base/crypto/bls/blst.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import { isReveal, nextBeacon, revealMessage } from '#chain/core/beacon.ts'
import { nextBaseFeePerGas, tipPerGas } from '#chain/core/fee.ts'
import { headerFields, headerFromFields, headerHash } from '#chain/core/header.ts'
import { decodePayload, encodePayload, resealPayload } from '#chain/core/payload.ts'
import { blockDueMs, blockTimestamp, heartbeatSeconds } from '#chain/core/timing.ts'

const scheme = createBlstScheme()
const hash = (digit: string) => `0x${digit.repeat(64)}` as const
const header = {
  parentHash: hash('1'),
  feeRecipient: `0x${'2'.repeat(40)}`,
  stateRoot: hash('3'),
  transactionsRoot: hash('4'),
  receiptsRoot: hash('5'),
  logsBloom: `0x${'06'.repeat(256)}`,
  number: 257,
  gasLimit: 30_000_000n,
  gasUsed: 0n,
  timestamp: 1_800_000_000,
  extraData: hash('7'),
  prevRandao: hash('8'),
  baseFeePerGas: 7n,
  withdrawalsRoot: hash('9'),
  parentBeaconBlockRoot: hash('a'),
  requestsHash: hash('b'),
} as const

describe('blockDueMs', () => {
  const parent = { timestamp: 100 }
  test.each([
    ['a second while work is open', { hasOpenWork: true, hasTransactions: false }, 101_000],
    ['a second while a transaction waits', { hasOpenWork: false, hasTransactions: true }, 101_000],
    [
      'the heartbeat when idle',
      { hasOpenWork: false, hasTransactions: false },
      100_000 + heartbeatSeconds * 1000,
    ],
  ])('is %s', (_name, open, dueMs) => {
    expect(blockDueMs(parent, open)).toBe(dueMs)
  })
})

describe('blockTimestamp', () => {
  test.each([
    [101_000, 101],
    [101_999, 101],
    [90_000, 101],
    [250_500, 250],
  ])('rises in whole seconds (at %i ms)', (nowMs, timestamp) => {
    expect(blockTimestamp({ timestamp: 100 }, nowMs)).toBe(timestamp)
  })
})

describe('nextBaseFeePerGas', () => {
  const parent = { gasLimit: 30_000_000n, baseFeePerGas: 1_000_000_000n }
  test.each([
    ['falls by an eighth after an empty block', 0n, 875_000_000n],
    ['stays at half a block', 15_000_000n, 1_000_000_000n],
    ['rises by an eighth after a full block', 30_000_000n, 1_125_000_000n],
  ])('%s', (_name, gasUsed, next) => {
    expect(nextBaseFeePerGas({ ...parent, gasUsed })).toBe(next)
  })

  test('rises by one where an eighth would be nothing', () => {
    expect(nextBaseFeePerGas({ ...parent, baseFeePerGas: 1n, gasUsed: 20_000_000n })).toBe(2n)
  })
})

describe('tipPerGas', () => {
  test.each([
    [10n, 3n, 5n, 3n],
    [10n, 8n, 5n, 5n],
    [4n, 3n, 5n, -1n],
  ])(
    'of at most %i with tip %i over base %i is %i',
    (maxFeePerGas, maxPriorityFeePerGas, base, tip) => {
      expect(tipPerGas({ maxFeePerGas, maxPriorityFeePerGas }, base)).toBe(tip)
    },
  )
})

describe('the beacon', () => {
  const key = new Uint8Array(32).fill(9)
  const place = { chainId: 78787, height: 5, previousBeacon: hash('c') }

  test('takes the one signature of the proposer for its place', () => {
    const reveal = scheme.sign(key, revealMessage(place))
    const proposer = { scheme, blsKey: scheme.publicKey(key) }
    expect(isReveal(place, reveal, proposer)).toBe(true)
    expect(isReveal({ ...place, height: 6 }, reveal, proposer)).toBe(false)
    expect(isReveal({ ...place, chainId: 1 }, reveal, proposer)).toBe(false)
    const blsKey = scheme.publicKey(new Uint8Array(32).fill(8))
    expect(isReveal(place, reveal, { scheme, blsKey })).toBe(false)
    expect(nextBeacon(place.previousBeacon, reveal)).not.toBe(nextBeacon(hash('d'), reveal))
  })
})

describe('encodings', () => {
  test('a header survives its fields', () => {
    expect(headerFromFields(headerFields(header))).toEqual(header)
  })

  test('a payload survives its bytes, and its hash follows extraData', () => {
    const payload = {
      blockHash: headerHash(header),
      header,
      transactions: [Uint8Array.of(0xc0), new Uint8Array(70).fill(3)],
      withdrawals: [{ index: 1, validatorIndex: 0, address: header.feeRecipient, amountGwei: 9n }],
    }
    expect(decodePayload(encodePayload(payload))).toEqual(payload)
    const resealed = resealPayload(payload, hash('e'))
    expect(resealed.header).toEqual({ ...header, extraData: hash('e') })
    expect(resealed.blockHash).not.toBe(payload.blockHash)
    expect(resealPayload(resealed, header.extraData)).toEqual(payload)
  })

  test('a consensus root covers every field', () => {
    const block: ConsensusBlock = {
      epoch: 0,
      height: 1,
      view: 0,
      parentRoot: hash('1'),
      beacon: hash('2'),
      reveal: `0x${'3'.repeat(192)}`,
      mode: 'stake',
      modelHash: hash('4'),
      executionHash: hash('5'),
      proposer: header.feeRecipient,
    }
    const changes: Partial<ConsensusBlock>[] = [
      {},
      { epoch: 1 },
      { height: 2 },
      { view: 1 },
      { parentRoot: hash('9') },
      { beacon: hash('9') },
      { reveal: `0x${'9'.repeat(192)}` },
      { mode: 'work' },
      { modelHash: hash('9') },
      { executionHash: hash('9') },
      { proposer: `0x${'9'.repeat(40)}` },
      { nextSetRoot: hash('9') },
    ]
    const roots = changes.map((change) => consensusRoot({ ...block, ...change }))
    expect(new Set(roots).size).toBe(changes.length)
  })
})
