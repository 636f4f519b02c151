import type { Clock } from '#base/clock.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { createQueue } from '#base/queue.ts'
import type { Service } from '#base/service.ts'
import { createTurns } from '#base/turns.ts'
import type { Evidence } from '#chain/core/consensus/evidence.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import type { Message } from '#chain/core/consensus/messages.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { KeyValueStore } from '#store/kv.ts'
import type { ConsensusStore } from '../consensus-store.ts'
import type { Feed } from '../feed.ts'
import type { Transactions } from '../transactions.ts'
import { type Accusing, type OnConviction, openAccusing } from './accusing.ts'
import { createAnswering } from './answering.ts'
import { createAsking } from './asking.ts'
import { type ValidatorKey, createBuilder } from './builder.ts'
import { createCertifier } from './certifier.ts'
import { type ParentPlace, createChainPlaces } from './chain-place.ts'
import { createChecker } from './checker.ts'
import type { Epochs } from './epochs.ts'
import { catchUpExecution, createFinaliser } from './finaliser.ts'
import { type ConsensusNetwork, joinGossip } from './gossip.ts'
import { createHost } from './host.ts'
import { createElecting, electedIn } from './electing.ts'
import { createKeyring } from './keyring.ts'
import { createLoop } from './loop.ts'
import { createPacing } from './pacing.ts'
import { type PayloadShelf, openPayloadShelf } from './payload-shelf.ts'
import { createPayloads } from './payloads.ts'
import { createPerforming } from './performing.ts'
import { createPresent } from './present.ts'
import { type Statements, openStatements } from './statements.ts'
import { type Sightings, createSightings } from './testimony.ts'
import { createChanges } from './until.ts'
import { createVerifier } from './verifier.ts'
import { type VoteLog, openVoteLog } from './vote-log.ts'

export interface ConsensusDeps {
  readonly engine: EmbeddedEngine
  readonly store: KeyValueStore
  readonly transactions: Transactions
  readonly consensus: ConsensusStore
  readonly epochs: Epochs
  /** Told of each block once it is final and on the disk. */
  readonly blocks: Feed<Payload>
  readonly scheme: Scheme
  readonly network: ConsensusNetwork
  readonly clock: Clock
  readonly logger: Logger
}

export interface ConsensusOptions {
  readonly genesis: Genesis
  /** The account and key of this node: it is a validator in the epochs that it has a seat in, else it follows. */
  readonly key?: ValidatorKey
  /** Secret BLS keys of members for whom this node makes the blocks that their work won. */
  readonly leaderSecrets?: readonly Uint8Array[]
  /** Bound on a message's way plus the time to check a block. */
  readonly deltaMs: number
  readonly onConviction?: OnConviction | undefined
  /** Called once when this node cannot go on, for instance because the disk is full. */
  readonly onFailure: (error: unknown) => void
}

/** What the loop takes: inputs of the core, and the order to begin anew at the newest final block. */
export type Work = Input | { readonly kind: 'anchor' }

const inboxMax = 65_536

/**
 * Consensus of one node: performs what the pure core asks for. Everything else of the node knows only that
 * blocks become final. With one validator it finalises its own blocks at once.
 */
export async function createConsensusDriver(
  deps: ConsensusDeps,
  options: ConsensusOptions,
): Promise<Service> {
  const log = await openVoteLog(deps.store)
  const shelf = await openPayloadShelf(deps.store)
  await catchUpExecution({ ...deps, shelf })
  const sightings = createSightings(deps.consensus.setOf)
  const statements = await openStatements({ ...deps, setOf: deps.consensus.setOf })
  const place = createPlace(deps, options)
  const accusing = await openAccusing(deps, { ...options, ...place })
  const memory = { log, shelf, sightings, statements, accusing, ...place }
  let stopping = new AbortController()
  let running: Promise<void> | undefined

  function fail(error: unknown): void {
    if (stopping.signal.aborted) return
    deps.logger.error({ error: String(error) }, 'consensus cannot go on')
    stopping.abort(new AppError({ code: 'STOPPING' }))
    options.onFailure(error)
  }

  return {
    async start() {
      stopping = new AbortController()
      const { signal } = stopping
      const parts = assemble(deps, options, { ...memory, signal, fail })
      const close = await parts.join()
      running = parts.run().catch(fail).then(close)
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPING' }))
      await running
      await statements.flush()
      await log.flush().catch(() => undefined) // only what no signature stands on
    },
  }
}

/** Where this node stands: its key, the present epoch and its set, and earlier sets. */
function createPlace(
  { scheme, epochs, engine, consensus }: ConsensusDeps,
  { key }: ConsensusOptions,
) {
  const blsKey = key && scheme.publicKey(key.blsSecret)
  const present = createPresent(epochs.at(engine.chain.finalised().header.number + 1), blsKey)
  const { setOf } = consensus
  return { blsKey, present, self: present.self, set: () => present.epoch().set, setOf }
}

interface Session extends ReturnType<typeof createPlace> {
  readonly log: VoteLog
  readonly shelf: PayloadShelf
  readonly sightings: Sightings
  readonly statements: Statements
  readonly accusing: Accusing
  readonly signal: AbortSignal
  readonly fail: (error: unknown) => void
}

/** What the parts of one run share. */
function createParts(deps: ConsensusDeps, options: ConsensusOptions, session: Session) {
  const { engine, scheme, clock, consensus, epochs } = deps
  const { genesis, key, leaderSecrets = [] } = options
  const { log, shelf, blsKey, present, set, setOf } = session
  const { chainId } = genesis
  const { chain } = engine
  const inbox = createQueue<Work>(inboxMax)
  const turns = createTurns()
  const changes = createChanges()
  const secrets = [...(key === undefined ? [] : [key.blsSecret]), ...leaderSecrets]
  const keyring = createKeyring(scheme, secrets)
  const verifier = createVerifier(scheme, { chainId, set, setOf })
  const places = createChainPlaces(chain, consensus)
  const payloads = createPayloads({ ...deps, shelf }, chainId)
  const finaliser = createFinaliser({ ...deps, shelf, places, turns })
  const drawAfter = createElecting({ engine, places }, chainId)
  const electedAfter = async (place: ParentPlace) => electedIn(set(), await drawAfter(place))
  const running = { engine, scheme, turns, places, drawAfter, epochs }
  const check = createChecker(running, chainId)
  const { until } = changes
  const judging = { payloads, shelf, check, electedAfter, until }
  const certify = createCertifier({ ...deps, chain, places, ...judging })
  const build = createBuilder({ ...running, shelf, clock }, chainId)
  const untilDue = createPacing(deps, genesis)
  const blocks = { places, payloads, finaliser, certify, build, electedAfter }
  const made = { inbox, changes, verifier, untilDue, present, set, blsKey, keyring }
  return { ...deps, ...blocks, ...made, log }
}

function assemble(deps: ConsensusDeps, options: ConsensusOptions, session: Session) {
  const { genesis, key } = options
  const { chainId } = genesis
  const { sightings, statements, accusing } = session
  const parts = createParts(deps, options, session)
  const { inbox, changes, set, blsKey, present, keyring } = parts
  const accuse = (evidence: Evidence | undefined) =>
    evidence !== undefined && accusing.accuse(evidence)
  const onMessage = (message: Message) => {
    sightings.note(message)
    accuse(statements.note(message))
    inbox.push(message)
  }
  const onAdopted = () => {
    changes.changed()
    inbox.push({ kind: 'anchor' })
  }
  const asking = createAsking(parts, { chainId, set, blsKey, onMessage, onAdopted })
  const witness = blsKey && key && { blsKey, blsSecret: key.blsSecret }
  const answering = createAnswering({ ...parts, sightings }, { chainId, witness })
  const performing = createPerforming(
    { ...parts, asking, answering },
    {
      ...session,
      set,
      keyring,
      accuse,
    },
  )
  const { performers } = performing
  const host = createHost({ ...parts, performers }, { chainId, keyring })
  const run = createLoop({ ...parts, asking, host, performing }, { ...options, ...session })

  async function join(): Promise<() => Promise<void>> {
    const gossip = await joinGossip(parts, {
      chainId,
      epoch: () => present.epoch().set.epoch,
      onMessage: (message, author) => {
        performing.meet(message, author)
        onMessage(message)
      },
      onLate: (message) => accuse(statements.note(message)),
    })
    const ends = [gossip.close, await parts.payloads.serve(), await answering.serve()]
    performing.publishOver(gossip)
    return async () => {
      performing.stop()
      for (const end of ends) await end()
    }
  }

  return { run, join }
}
