import { AppError, codeOf } from '#base/error.ts'
import type { Queue } from '#base/queue.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Evidence } from '#chain/core/consensus/evidence.ts'
import type { CatchUpRequest, Message } from '#chain/core/consensus/messages.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { Answering } from './answering.ts'
import type { Asking } from './asking.ts'
import type { BuildBlock } from './builder.ts'
import type { Certification, Certified } from './certifier.ts'
import type { ChainPlaces, ParentPlace } from './chain-place.ts'
import type { ConsensusDeps, Work } from './driver.ts'
import type { Finaliser } from './finaliser.ts'
import type { Gossip } from './gossip.ts'
import type { Performers } from './host.ts'
import type { Keyring } from './keyring.ts'
import type { UntilDue } from './pacing.ts'
import type { Payloads } from './payloads.ts'
import { isOfPeer } from './recognition.ts'
import { createTimers } from './timers.ts'
import type { Changes } from './until.ts'
import type { VoteLog } from './vote-log.ts'

export interface PerformingDeps extends Pick<
  ConsensusDeps,
  'engine' | 'network' | 'clock' | 'logger' | 'consensus'
> {
  readonly log: VoteLog
  readonly places: ChainPlaces
  readonly payloads: Payloads
  readonly finaliser: Finaliser
  readonly certify: (certification: Certification) => Promise<Certified | undefined>
  readonly build: BuildBlock
  readonly changes: Changes
  readonly asking: Asking
  readonly answering: Answering
  readonly inbox: Pick<Queue<Work>, 'push'>
  readonly untilDue: UntilDue
}

export interface PerformingOptions {
  /** The present set. */
  readonly set: () => ValidatorSet
  readonly keyring: Keyring
  readonly accuse: (evidence: Evidence) => void
  /** Ends everything. */
  readonly signal: AbortSignal
  readonly fail: (error: unknown) => void
}

/** The work behind the core's effects. */
export interface Performing {
  readonly performers: Performers
  /** The core begins anew: what the last one had asked for ends. */
  renew(): void
  /** The present epoch has begun: indices are of other validators. */
  beginEpoch(): void
  /** Remembers which peer speaks for a validator. */
  meet(message: Message, author: string): void
  publishOver(gossip: Gossip): void
  stop(): void
}

type EffectOf<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>

/** Views below a final one that stay in the log. */
const keptViews = 16
const asksMax = 2

/** Creates the performers of one node. */
export function createPerforming(deps: PerformingDeps, options: PerformingOptions): Performing {
  const { engine, inbox, answering } = deps
  const { set, keyring } = options
  const peerOf = createPeersByIndex()
  const work = createBackground(options)
  let gossip: Gossip | undefined
  const tip = createTip(engine.chain)
  const see = (payload: Payload | undefined) => {
    tip.see(payload)
    deps.changes.changed()
  }

  const timers = createTimers({
    ...deps,
    tip: tip.get,
    onTimer: (timer) => inbox.push({ kind: 'timer', timer }),
    onError: options.fail,
  })

  const { propose, certify, finalize } = createLongWork(deps, { set, keyring, peerOf, see })
  const request = createRequester(deps, { peerOf, signal: options.signal })

  const performers: Performers = {
    propose: (effect) => work.only('propose', (signal) => propose(effect, signal)),
    certify: (effect) => work.run((signal) => certify(effect, signal)),
    finalize: (effect) => work.last((signal) => finalize(effect, signal)),
    setTimer: ({ timer, delayMs }) => timers.set(timer, delayMs),
    publish: (message) => gossip?.publish(message),
    request: (effect) => work.last(() => request(effect)),
    answer: answering.add,
    done: answering.done,
    evidence: ({ evidence }) => options.accuse(evidence),
  }

  return {
    performers,
    renew() {
      work.renew()
      timers.stop()
    },
    beginEpoch() {
      peerOf.clear()
      gossip?.begin()
    },
    meet: peerOf.meet,
    publishOver: (over) => void (gossip = over),
    stop: timers.stop,
  }
}

interface LongWorkOptions extends Pick<PerformingOptions, 'set' | 'keyring'> {
  readonly peerOf: PeersByIndex
  /** A block was run. */
  readonly see: (payload: Payload | undefined) => void
}

/** Effects whose answer takes a while. */
function createLongWork(deps: PerformingDeps, { set, keyring, peerOf, see }: LongWorkOptions) {
  const { engine, places, inbox } = deps

  async function propose(effect: EffectOf<'propose'>, signal: AbortSignal): Promise<void> {
    const { view, parent, proposer } = effect
    const { epoch, validators } = set()
    const member = validators[proposer]
    const blsSecret = keyring.secretOf(member)
    if (member === undefined || blsSecret === undefined) return
    const place = await deps.changes.until(() => places.parent(parent), signal)
    await deps.untilDue(place.payload, signal)
    const author = { member, blsSecret }
    const parentVotes = effect.parentVotes ?? finalVotes(place)
    const at = { epoch, view, author, parentVotes }
    const built = await deps.build(place, at).catch(ifParentLost)
    if (built === undefined || signal.aborted) return
    places.add(built.root, built.block)
    see(engine.chain.byHash(built.block.executionHash))
    inbox.push({ kind: 'built', view, ...built })
  }

  /** Those that made a parent final, of an epoch before or from before a restart. */
  function finalVotes({ root, payload }: ParentPlace) {
    const certificate = deps.consensus.get(payload.header.number)?.certificate
    return certificate?.block === root ? certificate : undefined
  }

  async function certify(effect: EffectOf<'certify'>, signal: AbortSignal): Promise<void> {
    const { root, block } = effect
    places.add(root, block)
    const proposer = set().validators.find(({ address }) => address === block.proposer)
    const first = peerOf.get(proposer?.index)
    const certified = await deps.certify({ root, block, signal, first })
    if (certified === undefined) return
    const { payload, ...answer } = certified
    see(payload)
    inbox.push(answer)
  }

  async function finalize(effect: EffectOf<'finalize'>, signal: AbortSignal): Promise<void> {
    const { root, block, certificate } = effect
    places.add(root, block)
    const payload = () => deps.payloads.obtain(block.executionHash, { signal })
    await deps.finaliser.finalise({ block, certificate }, payload)
    deps.changes.changed()
    if (block.nextSetRoot !== undefined) inbox.push({ kind: 'anchor' }) // the next epoch begins
    const view = Math.max(0, block.view - keptViews)
    await deps.log.prune({ epoch: block.epoch, view })
  }

  return { propose, certify, finalize }
}

/** A leader whose parent fell away has nothing to propose: the view ends without it. */
function ifParentLost(error: unknown): undefined {
  if (codeOf(error) !== 'PARENT_LOST') throw error
}

/** The block that the next one will stand on, as far as it is known here. */
function createTip(chain: Chain) {
  let newest: Payload | undefined

  function get(): Payload {
    const final = chain.finalised()
    if (newest === undefined || newest.header.number <= final.header.number) return final
    return chain.byHash(newest.blockHash) ?? final
  }

  return {
    get,
    see(payload: Payload | undefined) {
      if (payload !== undefined && payload.header.number > get().header.number) newest = payload
    },
  }
}

/** Work beside the loop; a failure that no abort explains ends the node. */
function createBackground({ signal, fail }: PerformingOptions) {
  let incarnation = new AbortController()
  const singles = new Map<string, AbortController>()

  function start(work: (signal: AbortSignal) => Promise<void>, own: AbortSignal): void {
    work(own).catch((error: unknown) => {
      if (!own.aborted) fail(error)
    })
  }

  const run = (work: (signal: AbortSignal) => Promise<void>) =>
    start(work, AbortSignal.any([signal, incarnation.signal]))

  return {
    /** Ends when the core begins anew. */
    run,
    /** Goes on as long as the node. */
    last: (work: (signal: AbortSignal) => Promise<void>) => start(work, signal),
    /** Ends as well when the next of its name begins. */
    only(name: string, work: (signal: AbortSignal) => Promise<void>) {
      singles.get(name)?.abort(new AppError({ code: 'STOPPING' }))
      const single = new AbortController()
      singles.set(name, single)
      start(work, AbortSignal.any([signal, incarnation.signal, single.signal]))
    },
    renew() {
      incarnation.abort(new AppError({ code: 'STOPPING' }))
      incarnation = new AbortController()
    },
  }
}

interface PeersByIndex {
  get(index: number | undefined): string | undefined
  meet(message: Message, author: string): void
  clear(): void
}

function createPeersByIndex(): PeersByIndex {
  const peers = new Map<number, string>()
  return {
    get: (index) => (index === undefined ? undefined : peers.get(index)),
    meet(message, author) {
      if (message.kind === 'vote') peers.set(message.vote.voter, author)
      if (message.kind === 'proposal') peers.set(message.proposal.proposer, author)
    },
    clear: () => peers.clear(),
  }
}

/** Asks for what the core misses: the validator that should have it, else one peer after another. */
function createRequester(
  { network, asking, logger }: PerformingDeps,
  { peerOf, signal }: { readonly peerOf: PeersByIndex; readonly signal: AbortSignal },
) {
  let active = 0
  let turn = 0

  function peerFor(from: number | undefined): string | undefined {
    const peers = network.peers()
    const wanted = peerOf.get(from)
    if (wanted !== undefined && peers.includes(wanted)) return wanted
    turn += 1
    return peers[turn % peers.length]
  }

  /** As long as a peer has final blocks for us, it has the next ones too. */
  async function askOn(peer: string, request: CatchUpRequest): Promise<void> {
    let height = request.height
    for (;;) {
      const { adopted } = await asking.ask(peer, { ...request, height }, signal)
      if (adopted === 0) return
      height += adopted
    }
  }

  return async ({ request, from }: EffectOf<'request'>): Promise<void> => {
    const peer = peerFor(from)
    if (peer === undefined || active >= asksMax) return // the core's timer asks again
    active += 1
    try {
      await askOn(peer, request)
    } catch (error) {
      if (!isOfPeer(error)) throw error
      logger.debug({ peer, error: String(error) }, 'a peer did not help')
    } finally {
      active -= 1
    }
  }
}
