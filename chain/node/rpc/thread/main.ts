/**
 * The thread that answers JSON-RPC: sockets, JSON, and all that only reads, code that somebody wants run included.
 * However long that takes, the thread of consensus does not wait for it; what is known only there is asked for.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '#base/assert.ts'
import { type Calls, createCalls } from '#base/calls.ts'
import { tellingLogger } from '#base/log-calls.ts'
import type { Payload } from '#chain/core/payload.ts'
import { type ReadingChain, openReadingChain } from '#chain/exec/embedded/reading-chain.ts'
import { createReading } from '#chain/exec/embedded/reading.ts'
import { type LevelReader, openLevelReader } from '#store/level.ts'
import { createEpochs } from '#chain/node/consensus/epochs.ts'
import { openConsensusStore } from '#chain/node/consensus-store.ts'
import { createFeed } from '#chain/node/feed.ts'
import { createDispatch } from '../dispatch.ts'
import type { Live, NewTransaction } from '../live.ts'
import { createMethods } from '../methods.ts'
import { type RpcServer, createRpcServer } from '../server.ts'
import type { ThreadPlace } from './place.ts'

const place = workerData as ThreadPlace
assert(parentPort, 'this file is run as a thread')
const port = parentPort
const blocks = createFeed<Payload>()
const added = createFeed<NewTransaction>()
let nowMs = place.nowMs
let running: { chain: ReadingChain; store: LevelReader; server: RpcServer } | undefined

const calls: Calls = createCalls(port, { listen, close, follow, added: takeAdded })
const logger = tellingLogger(calls)

async function listen(): Promise<number> {
  const store = await openLevelReader(place.directory)
  const chain = openReadingChain(store, place)
  const { crypto, ...reading } = await createReading(chain, place)
  const consensus = openConsensusStore(store, place.genesisRoot)
  const epochs = createEpochs({ engine: { ...reading, chain }, consensus }, place.epochBlocks)
  const methods = createMethods({
    ...place,
    ...reading,
    chain,
    engine: reading,
    consensus,
    epochs,
    live: liveOver(calls),
    keccak256: crypto.keccak256,
    clock: { nowMs: () => nowMs },
    blocks,
    added,
  })
  const server = createRpcServer(createDispatch(methods, logger), logger, place)
  running = { chain, store, server }
  follow([nowMs]) // blocks that became final while this was loading
  return server.listen()
}

function follow([toldMs]: readonly unknown[]): void {
  nowMs = toldMs as number
  for (const block of running?.chain.follow() ?? []) blocks.emit(block)
}

function takeAdded([transactions]: readonly unknown[]): void {
  for (const one of transactions as readonly NewTransaction[]) added.emit(one)
}

async function close(): Promise<void> {
  const parts = running
  running = undefined
  await parts?.server.close()
  await parts?.store.close()
  port.unref()
}

function liveOver({ ask }: Calls): Live {
  const asking =
    (name: keyof Live) =>
    (...args: readonly unknown[]) =>
      ask(name, args) as Promise<never>
  return {
    submit: asking('submit'),
    waiting: asking('waiting'),
    nextNonce: asking('nextNonce'),
    pending: asking('pending'),
    nowMs: asking('nowMs'),
    status: asking('status'),
  }
}
