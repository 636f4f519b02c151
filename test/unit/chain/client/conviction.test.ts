import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { createConvicting } from '#chain/client/conviction.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import { type Conviction, convictionOf } from '#chain/core/consensus/conviction.ts'
import { certificateOf, hash, proposalOf, setOf, voteOf } from '../core/consensus/samples.ts'

const scheme = createNobleScheme()
const secret = blsSecretKey(new Uint8Array(32).fill(3))
const signature = scheme.sign(secret, Uint8Array.of(1))
const place = { epoch: 1, view: 4 } as const
const conviction: Conviction = {
  guilty: { index: 2, seat: 2, address: '0x', blsKey: scheme.publicKey(secret), weight: 1 },
  first: { kind: 'nullify', ...place },
  second: { kind: 'finalize', ...place, block: hash('a') },
  signatures: [signature, signature],
}

/** A reporter whose sending goes as `outcomes` say, and the times at which it sent. */
function reporter(outcomes: readonly (string | undefined)[], balanceWei = 1n) {
  const clock = createFakeClock(0)
  const sentAt: number[] = []
  const send = async () => {
    const code = outcomes[sentAt.length]
    sentAt.push(clock.nowMs() / 1_000)
    if (code !== undefined) throw new AppError({ code })
    return { hash: '0x', blockNumber: 1n, gasUsed: 1n } as const
  }
  const transactor = { send, balance: async () => balanceWei } as unknown as Transactor
  const { signal } = new AbortController()
  const { report } = createConvicting({ transactor, scheme, clock, log: noopLogger, signal })

  async function reportAll(...ranks: readonly number[]) {
    const reports = ranks.map((rank) => report(conviction, rank))
    for (let second = 0; second < 60; second += 1) await clock.advance(1_000)
    await Promise.all(reports)
    return sentAt
  }

  return reportAll
}

describe('createConvicting', () => {
  test.each([
    ['at once, and once', [], [0, 0], [0]],
    ['after those before it', [], [3], [15]],
    ['again where it did not come through', ['RPC_DOWN', 'RECEIPT_TIMEOUT'], [0], [0, 5, 10]],
    ['five times at most', Array(9).fill('RPC_DOWN'), [0], [0, 5, 10, 15, 20]],
    ['no more where the contract has heard it', ['REVERTED'], [0], [0]],
    ['no more where there is no contract', ['CONTRACT_MISSING'], [0], [0]],
  ] as const)('sends %s', async (_title, outcomes, ranks, times) => {
    expect(await reporter(outcomes)(...ranks)).toEqual(times)
  })

  test('sends nothing without coin', async () => {
    expect(await reporter([], 0n)(0)).toEqual([])
  })
})

describe('convictionOf', () => {
  const set = setOf(1, 1, 1, 1)

  test('is of votes and proposals, with both signatures', () => {
    const first = voteOf('notarize', 4, { voter: 2, block: hash('a') })
    const second = { ...first, block: hash('b'), signature: '0xff' } as const
    const guilty = set.validators[2]
    const signatures = [first.signature, '0xff']
    const votes = { kind: 'votes', first, second } as const
    expect(convictionOf(votes, set)).toEqual({ guilty, first, second, signatures })
    const [one, two] = [proposalOf(1, hash('a'), {}), proposalOf(1, hash('b'), {})]
    const proposals = { kind: 'proposals', first: one, second: two } as const
    expect(convictionOf(proposals, set)?.guilty).toBe(set.validators[1])
  })

  test('is of nobody where statements agree, and of no certificates', () => {
    const first = voteOf('notarize', 4, { voter: 2, block: hash('a') })
    expect(convictionOf({ kind: 'votes', first, second: first }, set)).toBeUndefined()
    const finalize = certificateOf({ kind: 'finalize', view: 4, block: hash('a') }, [0, 1, 2])
    const nullify = certificateOf({ kind: 'nullify', view: 4 }, [0, 1, 2])
    const certificates = { kind: 'certificates', first: finalize, second: nullify } as const
    expect(convictionOf(certificates, set)).toBeUndefined()
  })
})
