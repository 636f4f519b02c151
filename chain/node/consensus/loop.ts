import { AppError } from '#base/error.ts'
import type { Queue } from '#base/queue.ts'
import { type Anchor, proposersBy } from '#chain/core/consensus/rules.ts'
import type { Accusing } from './accusing.ts'
import type { Asking } from './asking.ts'
import type { ParentPlace } from './chain-place.ts'
import type { ConsensusDeps, Work } from './driver.ts'
import type { Epochs } from './epochs.ts'
import type { Host } from './host.ts'
import type { Keyring } from './keyring.ts'
import type { Performing } from './performing.ts'
import type { Present } from './present.ts'
import { becomeValidator, syncAtStart } from './recognition.ts'
import type { Sightings } from './testimony.ts'
import type { VoteLog } from './vote-log.ts'

export interface LoopDeps extends Pick<
  ConsensusDeps,
  'engine' | 'consensus' | 'network' | 'clock' | 'logger'
> {
  readonly inbox: Queue<Work>
  readonly epochs: Epochs
  readonly present: Present
  readonly asking: Asking
  readonly host: Host
  readonly performing: Performing
  readonly log: VoteLog
  readonly keyring: Keyring
  /** Whom the election names for the block after a place: an index in the present set. */
  readonly electedAfter: (place: ParentPlace) => Promise<number | undefined>
}

export interface LoopOptions {
  readonly deltaMs: number
  readonly sightings: Sightings
  readonly accusing: Pick<Accusing, 'resume'>
  readonly signal: AbortSignal
  readonly fail: (error: unknown) => void
}

/** Between clocks of validators, and between a block's making and its time. */
const clockErrorMs = 10_000

/**
 * The loop: one input after another into the core. The core begins anew where final blocks were taken over
 * from others, and for each epoch with the set that the last one handed over to.
 */
export function createLoop(deps: LoopDeps, options: LoopOptions): () => Promise<void> {
  const { engine, consensus, inbox, host, performing, log, epochs, present } = deps
  const { signal, sightings, deltaMs } = options
  const own = createOwnSeat(deps, options)
  let isFirst = true
  const nextEpoch = () => epochs.at(engine.chain.finalised().header.number + 1)

  async function begin(): Promise<void> {
    performing.renew()
    const epoch = nextEpoch()
    const isNew = epoch.set.epoch !== present.epoch().set.epoch
    if (isNew) present.move(epoch)
    own.look()
    const { set, seed, lastHeight } = epoch
    // Who votes as well as leads keeps still as a whole until its record is known to be the newest.
    const isSilent = present.self() !== undefined && own.index() === undefined
    const leads = isSilent ? [] : deps.keyring.membersOf(set).map(({ index }) => index)
    const rules = {
      set,
      self: own.index(),
      leads,
      deltaMs,
      lastHeight,
      proposersOf: proposersBy(set, seed),
    }
    await host.begin(rules, await anchorOf(deps))
    if (isNew) performing.beginEpoch()
    if (isNew || isFirst) options.accusing.resume()
    isFirst = false
  }

  function hasMoved(): boolean {
    const state = host.state()
    const isBehind = (state?.final.height ?? 0) < engine.chain.finalised().header.number
    const isOver = state?.rules.set.epoch !== nextEpoch().set.epoch
    return isBehind || isOver || state.rules.self !== own.index()
  }

  return async () => {
    noteOld(sightings, log, consensus.get(engine.chain.finalised().header.number))
    await begin()
    if (!isAlone(present)) syncAtStart(deps, signal).catch(options.fail)
    while (!signal.aborted) {
      const work = await inbox.take(signal).catch(() => undefined) // the abort ends the loop
      if (work === undefined) return
      if (work.kind !== 'anchor') await host.handle(work)
      else if (hasMoved()) await begin()
    }
  }
}

/** Nobody else makes blocks that this node could lack. */
function isAlone(present: Present): boolean {
  const voters = present.epoch().set.validators.filter(({ weight }) => weight > 0)
  return voters.length === 1 && voters[0]?.index === present.self()
}

/** This node's place in the present set, once it may sign there. */
interface OwnSeat {
  index(): number | undefined
  /** An epoch may have begun: becomes a validator of it, or ceases to be one. */
  look(): void
}

/**
 * A validator is recognised by a quorum before it signs. It need not be again for an epoch that began while it
 * ran: nothing can have been signed there that it does not remember.
 */
function createOwnSeat(deps: LoopDeps, { signal, fail }: LoopOptions): OwnSeat {
  const { present, inbox, clock } = deps
  const startMs = clock.nowMs()
  let recognised: number | undefined // the epoch
  let asked: number | undefined

  async function recognise(self: number): Promise<void> {
    const { set } = present.epoch()
    const ending = AbortSignal.any([signal, present.signal()])
    await becomeValidator(deps, { set, self, signal: ending })
    if (ending.aborted) return
    recognised = set.epoch
    inbox.push({ kind: 'anchor' })
  }

  function look(): void {
    const self = present.self()
    const { set, beganAt } = present.epoch()
    const { epoch } = set
    if (self === undefined || recognised === epoch || asked === epoch) return
    const beganLately = beganAt * 1_000 > startMs + clockErrorMs
    if (recognised === epoch - 1 && beganLately) {
      recognised = epoch
      return
    }
    asked = epoch
    const over = present.signal()
    recognise(self).catch((error: unknown) => {
      if (!over.aborted) fail(error)
    })
  }

  return {
    index: () => (recognised === present.epoch().set.epoch ? present.self() : undefined),
    look,
  }
}

/** The newest final block; where its own certificate is not at hand, in the view it was proposed in. */
async function anchorOf({ engine, consensus, present, electedAfter }: LoopDeps): Promise<Anchor> {
  const payload = engine.chain.finalised()
  const height = payload.header.number
  const final = consensus.get(height)
  const root = consensus.rootAt(height)
  if (root === undefined) throw new AppError({ code: 'CONSENSUS_RECORD_MISSING', height })
  const elected = await electedAfter({ root, payload })
  const { epoch } = present.epoch().set
  if (final?.block.epoch !== epoch) return { view: 0, root, height, elected }
  const { block, certificate } = final
  const view = certificate.block === root ? certificate.view : block.view
  return { view, root, height, elected }
}

/** What this node had seen of others' signatures before it was stopped. */
function noteOld(
  sightings: Sightings,
  log: VoteLog,
  final: ReturnType<ConsensusDeps['consensus']['get']>,
): void {
  for (const entry of log.entries()) if (entry.kind !== 'block') sightings.note(entry)
  if (final !== undefined) sightings.note({ kind: 'certificate', certificate: final.certificate })
}
