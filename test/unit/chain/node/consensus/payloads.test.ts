import { beforeAll, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { type Payload, encodePayload } from '#chain/core/payload.ts'
import type { ConsensusNetwork } from '#chain/node/consensus/gossip.ts'
import { createPayloads } from '#chain/node/consensus/payloads.ts'
import { silentNetwork } from '#chain/node/consensus/silent-network.ts'
import { type Member, createValidatorsWorld } from './validators-world.ts'

const chainId = 78787
const never = new AbortController().signal
let source: Member
let payload: Payload

beforeAll(async () => {
  source = await createValidatorsWorld(1).start(0)
  payload = source.chain.finalised()
})

/** A node without the payload; `answers` says what each of its peers does when it is asked. */
function nodeAmong(answers: Readonly<Record<string, 'serves' | 'lacks it' | 'is silent'>>) {
  const clock = createFakeClock(0)
  const asked: (readonly [peer: string, atMs: number])[] = []
  const given: string[] = []
  const request: ConsensusNetwork['request'] = async (peer, _protocol, _body, options) => {
    asked.push([peer, clock.nowMs()])
    if (answers[peer] === 'serves') return encodePayload(payload)
    if (answers[peer] === 'lacks it') throw new AppError({ code: 'PEER_REFUSED' })
    await clock.sleep(5_000, options?.signal).finally(() => given.push(peer))
    throw new AppError({ code: 'PEER_TIMEOUT' })
  }
  const network = { ...silentNetwork, peers: () => Object.keys(answers), request }
  const { crypto } = source.engine
  const payloads = createPayloads(
    {
      engine: { crypto, chain: { byHash: () => undefined } },
      shelf: { get: () => undefined },
      network,
      clock,
      logger: noopLogger,
    },
    chainId,
  )
  return { clock, asked, given, payloads }
}

describe('obtain', () => {
  test('asks the next peer beside one that is silent for a second, and then leaves that one', async () => {
    const { clock, asked, given, payloads } = nodeAmong({
      a: 'is silent',
      b: 'serves',
      c: 'serves',
    })
    const obtained = payloads.obtain(payload.blockHash, { signal: never })
    await clock.advance(999)
    expect(asked).toEqual([['a', 0]])
    await clock.advance(1)
    expect(asked).toEqual([
      ['a', 0],
      ['b', 1_000],
    ])
    expect((await obtained).blockHash).toBe(payload.blockHash)
    expect(given).toEqual(['a'])
  })

  test('asks whom it is told to first, and the next at once where that one lacks it', async () => {
    const { asked, payloads } = nodeAmong({ a: 'serves', b: 'serves', c: 'lacks it' })
    await payloads.obtain(payload.blockHash, { signal: never, first: 'c' })
    expect(asked).toEqual([
      ['c', 0],
      ['a', 0],
    ])
  })

  test('goes on until it is ended', async () => {
    const { clock, asked, payloads } = nodeAmong({ a: 'lacks it' })
    const ending = new AbortController()
    const ended = payloads
      .obtain(payload.blockHash, { signal: ending.signal })
      .catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(asked.length).toBeGreaterThan(3)
    ending.abort(new AppError({ code: 'STOPPING' }))
    expect(await ended).toMatchObject({ code: 'STOPPING' })
  })
})
