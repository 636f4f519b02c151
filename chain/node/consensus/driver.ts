import type { Clock } from '#base/clock.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { createQueue } from '#base/queue.ts'
import type { Service } from '#base/service.ts'
import { createTurns } from '#base/turns.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import type { Message } from '#chain/core/consensus/messages.ts'
import { type Anchor, proposersBy } from '#chain/core/consensus/rules.ts'
import type { Validator, ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { KeyValueStore } from '#store/kv.ts'
import type { ConsensusStore } from '../consensus-store.ts'
import type { Feed } from '../feed.ts'
import type { Transactions } from '../transactions.ts'
import { createAnswering } from './answering.ts'
import { type Asking, createAsking } from './asking.ts'
import { type ValidatorKey, createBuilder } from './builder.ts'
import { createCertifier } from './certifier.ts'
import { type ParentPlace, createChainPlaces } from './chain-place.ts'
import { createChecker } from './checker.ts'
import { catchUpExecution, createFinaliser } from './finaliser.ts'
import { type ConsensusNetwork, joinGossip } from './gossip.ts'
import { type Host, createHost } from './host.ts'
import { createElecting, electedIn } from './electing.ts'
import { type Keyring, createKeyring } from './keyring.ts'
import { createPacing } from './pacing.ts'
import { type PayloadShelf, openPayloadShelf } from './payload-shelf.ts'
import { createPayloads } from './payloads.ts'
import { type Performing, createPerforming } from './performing.ts'
import { becomeValidator, syncAtStart } from './recognition.ts'
import { type Sightings, createSightings } from './testimony.ts'
import { createChanges } from './until.ts'
import { createVerifier } from './verifier.ts'
import { type VoteLog, openVoteLog } from './vote-log.ts'

export interface ConsensusDeps {
  readonly engine: EmbeddedEngine
  readonly store: KeyValueStore
  readonly transactions: Transactions
  readonly consensus: ConsensusStore
  /** Told of each block once it is final and on the disk. */
  readonly blocks: Feed<Payload>
  readonly scheme: Scheme
  readonly network: ConsensusNetwork
  readonly clock: Clock
  readonly logger: Logger
}

export interface ConsensusOptions {
  readonly genesis: Genesis
  readonly set: ValidatorSet
  /** The validator that this node is; without a key it does not vote. */
  readonly key?: ValidatorKey
  /** Secret BLS keys of members for whom this node makes the blocks that their work won. */
  readonly leaderSecrets?: readonly Uint8Array[]
  /** Bound on a message's way plus the time to check a block. */
  readonly deltaMs: number
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
  const sightings = createSightings(options.set)
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
      const parts = assemble(deps, options, { log, shelf, sightings, signal, fail })
      const close = await parts.join()
      running = parts.run().catch(fail).then(close)
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPING' }))
      await running
      await log.flush().catch(() => undefined) // only what no signature stands on
    },
  }
}

interface Session {
  readonly log: VoteLog
  readonly shelf: PayloadShelf
  readonly sightings: Sightings
  readonly signal: AbortSignal
  readonly fail: (error: unknown) => void
}

/** What the parts of one run share. */
function createParts(deps: ConsensusDeps, options: ConsensusOptions, session: Session) {
  const { engine, scheme, clock, consensus } = deps
  const { genesis, set } = options
  const { log, shelf } = session
  const { chainId } = genesis
  const { chain } = engine
  const inbox = createQueue<Work>(inboxMax)
  const turns = createTurns()
  const changes = createChanges()
  const verifier = createVerifier(scheme, { chainId, set })
  const places = createChainPlaces(chain, consensus)
  const payloads = createPayloads({ ...deps, shelf }, chainId)
  const finaliser = createFinaliser({ ...deps, shelf, places, turns })
  const drawAfter = createElecting({ engine, places }, chainId)
  const electedAfter = async (place: ParentPlace) => electedIn(set, await drawAfter(place))
  const running = { engine, scheme, turns, places, drawAfter }
  const check = createChecker(running, { chainId, set })
  const { until } = changes
  const judging = { payloads, shelf, check, electedAfter, until }
  const certify = createCertifier({ ...deps, chain, places, ...judging })
  const build = createBuilder({ ...running, shelf, clock }, chainId)
  const untilDue = createPacing(deps, genesis)
  const made = {
    inbox,
    changes,
    verifier,
    places,
    payloads,
    finaliser,
    certify,
    build,
    untilDue,
    electedAfter,
  }
  return { ...deps, ...made, log }
}

function assemble(deps: ConsensusDeps, options: ConsensusOptions, session: Session) {
  const { genesis, set, key } = options
  const { chainId } = genesis
  const { sightings } = session
  const parts = createParts(deps, options, session)
  const { inbox, changes } = parts
  const blsKey = key && deps.scheme.publicKey(key.blsSecret)
  const self = set.validators.find((validator) => validator.blsKey === blsKey)
  const secrets = [...(key === undefined ? [] : [key.blsSecret]), ...(options.leaderSecrets ?? [])]
  const keyring = createKeyring(deps.scheme, secrets)
  const onMessage = (message: Message) => {
    sightings.note(message)
    inbox.push(message)
  }
  const onAdopted = () => {
    changes.changed()
    inbox.push({ kind: 'anchor' })
  }
  const asking = createAsking(parts, { chainId, set, self: self?.index, onMessage, onAdopted })
  const witness = self && key && { index: self.index, blsSecret: key.blsSecret }
  const answering = createAnswering({ ...parts, sightings }, { chainId, witness })
  const performing = createPerforming({ ...parts, asking, answering }, { ...session, set, keyring })
  const { performers } = performing
  const host = createHost({ ...parts, performers }, { chainId, keyring })
  const loop = { ...parts, asking, host, performing, keyring }
  const run = createLoop(loop, { ...options, ...session, self })

  async function join(): Promise<() => Promise<void>> {
    const gossip = await joinGossip(parts, {
      chainId,
      onMessage: (message, author) => {
        performing.meet(message, author)
        onMessage(message)
      },
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

interface LoopDeps extends ReturnType<typeof createParts> {
  readonly asking: Asking
  readonly host: Host
  readonly performing: Performing
  readonly keyring: Keyring
}

type LoopOptions = ConsensusOptions & Session & { readonly self: Validator | undefined }

/** The loop: one input after another into the core, which begins anew where final blocks were taken over. */
function createLoop(deps: LoopDeps, options: LoopOptions): () => Promise<void> {
  const { engine, consensus, inbox, host, performing, log } = deps
  const { set, self, signal, sightings } = options
  let index: number | undefined // of this node, once it may sign

  async function begin(): Promise<void> {
    performing.renew()
    const proposersOf = proposersBy(set, consensus.rootAt(0) ?? '0x')
    const { deltaMs } = options
    // Who votes as well as leads keeps still as a whole until its record is known to be the newest.
    const isSilent = self !== undefined && index === undefined
    const leads = isSilent ? [] : deps.keyring.membersOf(set).map((member) => member.index)
    const lastHeight = Number.MAX_SAFE_INTEGER
    const rules = { set, self: index, leads, deltaMs, lastHeight, proposersOf }
    await host.begin(rules, await anchorOf(deps))
  }

  async function recognise(own: Validator): Promise<void> {
    await becomeValidator(deps, { set, self: own, signal })
    index = own.index
    inbox.push({ kind: 'anchor' })
  }

  return async () => {
    noteOld(sightings, log, consensus.get(engine.chain.finalised().header.number))
    await begin()
    if (self !== undefined) recognise(self).catch(options.fail)
    const isAlone = self !== undefined && set.validators.length === 1
    if (!isAlone) syncAtStart(deps, { set, signal }).catch(options.fail)
    while (!signal.aborted) {
      const work = await inbox.take(signal).catch(() => undefined) // the abort ends the loop
      if (work === undefined) return
      if (work.kind !== 'anchor') await host.handle(work)
      else if (isBehind(host, engine) || host.state()?.rules.self !== index) await begin()
    }
  }
}

/** The newest final block; where its own certificate is not at hand, in the view it was proposed in. */
async function anchorOf({ engine, consensus, electedAfter }: LoopDeps): Promise<Anchor> {
  const payload = engine.chain.finalised()
  const height = payload.header.number
  const final = consensus.get(height)
  const root = consensus.rootAt(height)
  if (root === undefined) throw new AppError({ code: 'CONSENSUS_RECORD_MISSING', height })
  const elected = await electedAfter({ root, payload })
  if (final === undefined) return { view: 0, root, height, elected }
  const { block, certificate } = final
  const view = certificate.block === root ? certificate.view : block.view
  return { view, root, height, elected }
}

function isBehind(host: Host, { chain }: EmbeddedEngine): boolean {
  return (host.state()?.final.height ?? 0) < chain.finalised().header.number
}

/** What this node had seen of others' signatures before it was stopped. */
function noteOld(
  sightings: Sightings,
  log: VoteLog,
  final: ReturnType<ConsensusStore['get']>,
): void {
  for (const entry of log.entries()) if (entry.kind !== 'block') sightings.note(entry)
  if (final !== undefined) sightings.note({ kind: 'certificate', certificate: final.certificate })
}
