import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import { noopLogger } from '#base/log.ts'
import { consensusRoot } from '#chain/core/consensus-block.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import { type ValidatorSet, createValidatorSet } from '#chain/core/consensus/validators.ts'
import { openSnapshotTarget } from '#chain/exec/embedded/snapshot.ts'
import { createPayloads } from '#chain/node/consensus/payloads.ts'
import {
  decodeHandoffs,
  decodeQuestion,
  decodeRecords,
  decodeState,
  encodeHandoffs,
  encodeRecords,
  encodeState,
} from '#chain/node/snapshot/protocol.ts'
import { beginWithSnapshot } from '#chain/node/snapshot/begin.ts'
import { snapshotLimits } from '#chain/node/snapshot/limits.ts'
import { openConsensusStore } from '#chain/node/consensus-store.ts'
import { serveSnapshots } from '#chain/node/snapshot/serving.ts'
import { unfinishedTrust } from '#chain/node/snapshot/sync.ts'
import { realClock } from '#cli/real-clock.ts'
import type { RequestHandler } from '#p2p/network.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'
import { connect, createWorld as createPeers } from '#test/unit/p2p/world.ts'
import { type Member, createValidatorsWorld } from '../consensus/validators-world.ts'

const chainId = 78787
const heights = 30
const epochBlocks = 8
const peers = createPeers()
let source: Member
let genesis: Genesis
let ends: (() => Promise<void>)[] = []

beforeAll(async () => {
  const world = createValidatorsWorld(1, { epochBlocks: BigInt(epochBlocks), nodes: 1 })
  genesis = world.genesis
  source = await world.start(0)
  while (source.chain.finalised().header.number < heights) await world.advance(15)
}, 120_000)
afterEach(async () => {
  for (const end of ends) await end()
  ends = []
})
afterAll(() => peers.end())

/** A peer on loopback that serves the chain; `twist` changes what it answers. */
async function serve(twist?: (honest: RequestHandler) => RequestHandler): Promise<Libp2pNetwork> {
  const network = await peers.node({ transport: 'sockets' })
  const { chain, engine, consensus } = source
  const handle: Libp2pNetwork['handle'] = (protocol, handler, options) =>
    network.handle(protocol, twist?.(handler) ?? handler, options)
  ends.push(
    await serveSnapshots(
      { network: { handle }, chain, snapshots: engine.snapshots, consensus, epochBlocks },
      chainId,
    ),
  )
  const shelf = { get: () => undefined }
  const parts = { engine, shelf, network, clock: realClock, logger: noopLogger }
  ends.push(await createPayloads(parts, chainId).serve())
  return network
}

interface Start {
  readonly store?: KeyValueStore
  readonly trust?: Hex
  readonly from: readonly Libp2pNetwork[]
}

async function sync({ store = createMemoryStore(), trust, from }: Start) {
  const network = await peers.node({ transport: 'sockets' })
  for (const peer of from) await connect(network, peer, { keep: false })
  const dropped: string[] = []
  const watched = {
    ...network,
    peers: () => network.peers(),
    request: network.request.bind(network),
    drop(peerId: string, options: { readonly forMs: number }) {
      dropped.push(peerId)
      network.drop(peerId, options)
    },
  }
  const stopping = new AbortController()
  const outcome = beginWithSnapshot(
    { network: watched, clock: realClock, logger: noopLogger },
    { trust: trust ?? rootAt(0) },
    { store, genesis, signal: stopping.signal },
  )
  const target = await openSnapshotTarget(store, genesis)
  const height = outcome.then(() => target.finalised() ?? 0)
  return { height, target, dropped, store, stop: () => stopping.abort(new Error('stopped')) }
}

const recordAt = (height: number) => source.consensus.get(height)
const rootAt = (height: number): Hex => source.consensus.rootAt(height) ?? '0x'

describe('syncSnapshot', () => {
  test.each([
    ['a consensus root', () => rootAt(5)],
    ['a block hash', () => recordAt(9)?.block.executionHash ?? '0x'],
    ['the newest block', () => rootAt(source.chain.finalised().header.number)],
  ])('begins where the state is some blocks old, trusting %s', async (_name, trust) => {
    const { height, target, store } = await sync({ from: [await serve()], trust: trust() })
    expect(await height).toBe(source.chain.finalised().header.number - snapshotLimits.marginBlocks)
    expect(target.finalised()).toBe(await height)
    expect(unfinishedTrust(store)).toBeUndefined()
    expect(openConsensusStore(store, rootAt(0)).setOf(3)).toEqual(source.consensus.setOf(3))
  })

  test('TRUST_UNKNOWN: the chain of the peers does not have the trusted block', async () => {
    const { height, target } = await sync({ from: [await serve()], trust: `0x${'77'.repeat(32)}` })
    expect(await height.catch(codeOf)).toBe('TRUST_UNKNOWN')
    expect(target.finalised()).toBeUndefined()
  })

  test('waits for a peer, and remembers what was trusted when it is stopped', async () => {
    const { height, stop, store } = await sync({ from: [], trust: rootAt(3) })
    const outcome = height.catch((error: unknown) => String(error))
    await realClock.sleep(50)
    stop()
    expect(await outcome).toContain('stopped')
    expect(unfinishedTrust(store)).toBe(rootAt(3))
  })
})

const changeState =
  (change: (state: ReturnType<typeof decodeState>) => ReturnType<typeof decodeState>) =>
  (honest: RequestHandler): RequestHandler =>
  async (request, from, signal) => {
    const bytes = await honest(request, from, signal)
    return decodeQuestion(request).kind === 'state'
      ? encodeState(change(decodeState(bytes)))
      : bytes
  }

const changeRecords =
  (change: (bytes: ReturnType<typeof decodeRecords>) => ReturnType<typeof decodeRecords>) =>
  (honest: RequestHandler): RequestHandler =>
  async (request, from, signal) => {
    const bytes = await honest(request, from, signal)
    const isOfRecords = decodeQuestion(request).kind === 'records'
    return isOfRecords ? encodeRecords(change(decodeRecords(bytes))) : bytes
  }

const weaker = ({ epoch, validators }: ValidatorSet): ValidatorSet =>
  createValidatorSet(
    epoch,
    validators.map(({ index: _index, ...member }) => ({ ...member, weight: 1 + member.weight })),
  )
const flip = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, i) => (i === 3 ? byte ^ 1 : byte))

const lies: [string, (honest: RequestHandler) => RequestHandler][] = [
  [
    'a changed node',
    changeState(({ part, codes }) => ({
      part: part.map((nodes) => nodes.map((node) => ({ ...node, rlp: flip(node.rlp) }))),
      codes,
    })),
  ],
  [
    'other addresses',
    changeState(({ part, codes }) => ({
      part: part.map((nodes) => nodes.map((node) => ({ ...node, keys: node.keys.map(flip) }))),
      codes,
    })),
  ],
  ['changed codes', changeState(({ part, codes }) => ({ part, codes: codes.map(flip) }))],
  [
    'more than was asked for',
    changeState(({ part, codes }) => ({ part: [...part, ...part], codes })),
  ],
  [
    'a certificate of nobody',
    changeRecords((records) =>
      records.map(({ block, certificate }) => ({
        block,
        certificate: { ...certificate, view: certificate.view + 1 },
      })),
    ),
  ],
  [
    'blocks that are not linked',
    changeRecords((records) => (records.length > 1 ? records.toReversed() : records)),
  ],
  [
    'a set that nobody handed over to',
    (honest) => async (request, from, signal) => {
      const bytes = await honest(request, from, signal)
      if (decodeQuestion(request).kind !== 'handoffs') return bytes
      const changed = decodeHandoffs(bytes).map((one) => ({ ...one, next: weaker(one.next) }))
      return encodeHandoffs(changed)
    },
  ],
  [
    'an answer that is too long',
    () => async () => new Uint8Array(snapshotLimits.answerBytesMax + 1),
  ],
  ['no RLP', () => async () => Uint8Array.of(0xff, 1, 2)],
]

describe('a peer that lies', () => {
  test.each(lies)('with %s is dropped, and another one asked', async (_name, twist) => {
    const liar = await serve(twist)
    const { height, dropped, target } = await sync({ from: [liar] })
    await untilTrue(() => dropped.length > 0)
    expect(dropped).toEqual([liar.peerId])
    expect(target.finalised()).toBeUndefined()
    const stopped = height.catch(() => 'stopped')
    void stopped
    const both = await sync({ from: [liar, await serve()] })
    expect(await both.height).toBeGreaterThan(0)
    expect(both.target.finalised()).toBe(await both.height)
  })

  test('by its silence costs a wait, and another one is asked', async () => {
    const silent = await serve(() => () => new Promise<Uint8Array>(() => undefined))
    const { height, dropped } = await sync({ from: [silent, await serve()] })
    expect(await height).toBeGreaterThan(0)
    expect(dropped).toEqual([])
  }, 120_000)
})

async function untilTrue(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !isSo(); i += 1) await realClock.sleep(50)
}

test('records end in the block that all begin with', () => {
  const record = recordAt(heights)
  expect(record && consensusRoot(record.block)).toBe(rootAt(heights))
})

test('too long a path, too many places and unknown fields are no questions', () => {
  const state = { kind: 'state', blockHash: rootAt(1), places: [], codes: [] }
  const place = { owner: '', path: '' }
  const questions = [
    { ...state, places: [{ owner: '', path: '0'.repeat(65) }] },
    { ...state, places: [{ owner: 'ab', path: '' }] },
    { ...state, places: Array.from({ length: 65 }, () => place) },
    { ...state, codes: Array.from({ length: 17 }, () => rootAt(1)) },
    { kind: 'records', count: 257 },
    { kind: 'records', count: 1, more: 1 },
  ]
  for (const question of questions) {
    const bytes = new TextEncoder().encode(JSON.stringify(question))
    let code: string | undefined
    try {
      decodeQuestion(bytes)
    } catch (error) {
      code = codeOf(error)
    }
    expect(code).toBe('QUESTION_INVALID')
  }
})
