import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import { guiltyOf } from '#chain/core/consensus/evidence.ts'
import type { Input, LogEntry } from '#chain/core/consensus/input.ts'
import { consensusLimits } from '#chain/core/consensus/limits.ts'
import type {
  CatchUpRequest,
  Certificate,
  Message,
  Signed,
  Unsigned,
} from '#chain/core/consensus/messages.ts'
import type { Anchor } from '#chain/core/consensus/rules.ts'
import { type State, createState } from '#chain/core/consensus/state.ts'
import { step } from '#chain/core/consensus/step.ts'
import { bitmapOf } from '#chain/core/consensus/validators.ts'
import { emptyBlock, zeroHash } from './empty-block.ts'
import { SimulationError } from './oracle.ts'
import { askOnMs, paceMs } from './plan.ts'
import { bindingOf } from './binding.ts'
import type { World } from './world.ts'

export interface FinalBlock {
  readonly root: Hex
  readonly block: ConsensusBlock
  readonly certificate: Certificate
}

type EffectOf<Kind extends Effect['kind']> = Effect & { readonly kind: Kind }

/** A machine that follows the protocol: what a driver does, over a simulated disk and network. */
export class Host {
  readonly world: World
  readonly machine: number
  state: State | undefined
  /** Counts starts: what was begun in an earlier life never ends. */
  life = 0
  readonly chain: FinalBlock[] = []
  readonly payloads = new Set<Hex>()
  /** Payloads that were executed, and are on the disk since. */
  readonly #checked = new Set<Hex>()
  #durable: LogEntry[] = []
  #unsynced: LogEntry[] = []
  #diskFreeMs = 0
  #starts = 0

  constructor(world: World, machine: number) {
    this.world = world
    this.machine = machine
  }

  view(): number {
    return this.state?.view ?? 0
  }

  /** Runs later, unless the machine crashed in between. */
  later(delayMs: number, run: () => void): void {
    const { life } = this
    this.world.at(delayMs, () => {
      if (this.life === life && this.state !== undefined) run()
    })
  }

  /** Everything it ever logged. */
  log(): readonly LogEntry[] {
    return [...this.#durable, ...this.#unsynced]
  }

  // Starting and stopping.

  crash(): void {
    if (this.state === undefined) return
    // Of what the disk has not confirmed, any part may have reached it.
    const kept = this.world.rng.below(this.#unsynced.length + 1)
    this.#durable.push(...this.#unsynced.slice(0, kept))
    this.#unsynced = []
    for (const root of this.payloads) {
      if (!this.#checked.has(root) && this.world.chance(50)) this.payloads.delete(root)
    }
    this.#diskFreeMs = 0
    this.state = undefined
    this.life += 1
  }

  boot(): void {
    if (this.state !== undefined) return
    this.life += 1
    this.#starts += 1
    const anchor = this.#anchor()
    this.state = this.#newState(anchor.epoch, anchor)
    const again = this.#newState(anchor.epoch, anchor)
    for (const entry of this.#durable) step(this.state, { kind: 'replayed', entry })
    for (const entry of [...this.#durable, ...this.#durable]) {
      step(again, { kind: 'replayed', entry })
    }
    if (bindingOf(again) !== bindingOf(this.state)) {
      throw new SimulationError('REPLAY_DIFFERS', `machine ${this.machine}`)
    }
    // What was logged may not have left before the crash: it is signed again, never anything else.
    for (const entry of this.#durable) {
      if (entry.kind === 'vote' || entry.kind === 'proposal') {
        this.world.oracle.sign(this.machine, unsignedOf(entry))
      }
    }
    this.feed({ kind: 'started' })
  }

  /** Its newest final block, or an earlier one of the same epoch: what the disk held may be older. */
  #anchor(): Anchor & { readonly epoch: number } {
    const { world, chain } = this
    const epoch = this.#epochAfter(chain.at(-1)?.block)
    const first = chain.findIndex(({ block }) => block.epoch === epoch)
    const canBe = first < 0 ? chain.length : first + world.rng.below(chain.length - first + 1)
    return { ...this.#anchorAt(canBe, epoch), epoch }
  }

  #anchorAt(height: number, epoch: number): Anchor {
    const final = this.chain[height - 1]
    if (final === undefined) return this.world.genesis()
    const { root, block, certificate } = final
    const elected = this.world.elected(root, epoch)
    if (block.epoch !== epoch) return { view: 0, root, height, elected }
    // A block that a descendant's certificate made final was notarized in its own view.
    const view = certificate.block === root ? certificate.view : block.view
    return { view, root, height, elected }
  }

  #epochAfter(block: ConsensusBlock | undefined): number {
    if (block === undefined) return 0
    return block.height % this.world.plan.blocksPerEpoch === 0 ? block.epoch + 1 : block.epoch
  }

  #newState(epoch: number, anchor: Anchor): State {
    const { set, machines, proposersOf } = this.world.epoch(epoch)
    const index = machines.indexOf(this.machine)
    const { deltaMs, blocksPerEpoch } = this.world.plan
    const lastHeight = (epoch + 1) * blocksPerEpoch
    const self = index < 0 ? undefined : index
    const leads = [...machines.keys()].filter((i) => machines[i] === this.machine)
    return createState({ set, self, leads, deltaMs, lastHeight, proposersOf }, anchor)
  }

  // Effects.

  feed(input: Input): void {
    if (this.state === undefined) return
    const { state } = this
    for (const effect of step(state, input)) {
      if (this.state === state) this.perform(effect)
    }
    if (this.state === state && state.isOver) this.#nextEpoch(state)
  }

  #nextEpoch({ rules, final }: State): void {
    const epoch = rules.set.epoch + 1
    const { root, height } = final
    const elected = this.world.elected(root, epoch)
    this.state = this.#newState(epoch, { view: 0, root, height, elected })
    this.feed({ kind: 'started' })
  }

  perform(effect: Effect): void {
    switch (effect.kind) {
      case 'propose':
        return this.propose(effect)
      case 'certify':
        return this.certify(effect.root)
      case 'log':
        this.#unsynced.push(effect.entry)
        return
      case 'sign':
        return this.sign(effect.unsigned)
      case 'aggregate':
        return this.aggregate(effect)
      case 'broadcast':
        return this.broadcast(effect.message)
      case 'send':
        return this.send(effect)
      case 'setTimer':
        return this.#setTimer(effect)
      case 'finalize':
        return this.finalize(effect)
      case 'evidence':
        return this.accuse(effect)
      case 'request':
        return this.request(effect)
      case 'serve':
        return this.serve(effect)
    }
  }

  /** Blocks have a pace, in the end slower than a question to a peer: else nobody behind a lone voter arrives. */
  propose({ view, parent, height }: EffectOf<'propose'>): void {
    const { world } = this
    this.later((world.isHealed ? paceMs : 1) + world.rng.below(20), () => {
      const root = this.build(view, parent, height)
      this.feed({ kind: 'built', view, root, block: this.blockOf(root) })
    })
  }

  build(view: number, parentRoot: Hex, height: number, isValid = true): Hex {
    const { world } = this
    const epoch = this.state?.rules.set.epoch ?? 0
    const isLast = height === this.state?.rules.lastHeight
    const setRoot = isValid ? world.setRoot(epoch + 1) : zeroHash
    const nextSetRoot = isLast ? setRoot : undefined
    const block = { ...emptyBlock, epoch, height, view, parentRoot, nextSetRoot }
    const root = world.make(this.machine, block, isValid)
    this.payloads.add(root)
    return root
  }

  blockOf(root: Hex): ConsensusBlock {
    const made = this.world.oracle.blocks.get(root)
    if (made === undefined) throw new SimulationError('ORDER', `${root} was never made`)
    return made.block
  }

  /** The payload may have to be fetched; until it is here there is no verdict. */
  certify(root: Hex): void {
    const { world } = this
    if (!this.payloads.has(root)) {
      this.#fetchPayload(root)
      this.later(50, () => this.certify(root))
      return
    }
    const isValid = world.oracle.blocks.get(root)?.isValid === true
    const { epoch } = this.blockOf(root)
    const elected = world.elected(root, epoch)
    const isSlow = !world.isHealed && world.chance(this.#starts > 1 ? 40 : 5)
    this.later(1 + world.rng.below(isSlow ? 1500 : 20), () => {
      this.#checked.add(root)
      this.feed({ kind: 'certified', root, isValid, elected })
    })
  }

  #fetchPayload(root: Hex): void {
    const { hosts, rng } = this.world
    const peer = hosts[rng.below(hosts.length)] as Host
    this.world.carry(this, peer, () => {
      if (peer.state === undefined || !peer.payloads.has(root) || !peer.sharesPayload(root)) return
      this.world.carry(peer, this, () => this.payloads.add(root))
    })
  }

  sharesPayload(_root: Hex): boolean {
    return true
  }

  /** Waits for the disk, then signs: nothing leaves that a crash could make it forget. */
  sign(unsigned: Unsigned): void {
    const message = signed(unsigned)
    if (message.kind === 'proposal' || message.kind === 'vote') this.#unsynced.push(message)
    const count = this.#unsynced.length
    const { world } = this
    const diskMs = 1 + world.rng.below(world.plan.diskMsMax[this.machine] as number)
    this.#diskFreeMs = Math.max(this.#diskFreeMs, world.nowMs) + diskMs
    const synced = this.#unsynced.slice(0, count)
    this.later(this.#diskFreeMs - world.nowMs, () => {
      this.#confirm(synced)
      world.oracle.sign(this.machine, unsigned)
      this.broadcast(message)
      this.feed(message)
    })
  }

  #confirm(entries: readonly LogEntry[]): void {
    const confirmed = new Set(entries)
    this.#durable.push(...this.#unsynced.filter((entry) => confirmed.has(entry)))
    this.#unsynced = this.#unsynced.filter((entry) => !confirmed.has(entry))
  }

  aggregate({ statement, votes }: EffectOf<'aggregate'>): void {
    const { set } = this.world.epoch(statement.epoch)
    const voters = votes.map(({ voter }) => voter)
    const signers = bitmapOf(voters, set.validators.length)
    const certificate = { ...statement, signers, signature: '0x' } as const
    this.later(1, () => this.feed({ kind: 'certificate', certificate }))
  }

  broadcast(message: Message): void {
    for (const host of this.world.hosts) this.transmit(host, message)
  }

  transmit(to: Host, message: Message, hasPayload = true): void {
    this.world.carry(this, to, () => to.receive(message, hasPayload))
  }

  receive(message: Message, hasPayload: boolean): void {
    if (this.state === undefined || !this.world.oracle.isAuthentic(message)) return
    if (message.kind === 'proposal' && hasPayload) this.payloads.add(message.proposal.root)
    this.feed(message)
  }

  send({ peer, messages }: EffectOf<'send'>): void {
    const to = this.world.hosts[Number(peer)]
    for (const message of messages) if (to !== undefined) this.transmit(to, message)
  }

  #setTimer({ timer, delayMs }: EffectOf<'setTimer'>): void {
    const rate = this.world.plan.clockRates[this.machine] as number
    const { state, world } = this
    const dueMs = world.isHealed && timer.name !== 'retry' ? paceMs : 0 // it runs from when the block is due
    this.later(dueMs + delayMs * rate, () => {
      if (this.state === state) this.feed({ kind: 'timer', timer })
    })
  }

  finalize({ root, block, certificate }: EffectOf<'finalize'>): void {
    const { chain, world } = this
    const known = chain[block.height - 1]
    if (known !== undefined && known.root === root) return // finalised before a crash
    const parentRoot = chain.at(-1)?.root ?? world.genesis().root
    if (block.height !== chain.length + 1 || block.parentRoot !== parentRoot) {
      throw new SimulationError('ORDER', `machine ${this.machine}: height ${block.height}`)
    }
    world.oracle.finalize(this.machine, root, certificate)
    world.noteFinal(root)
    chain.push({ root, block, certificate })
    // Execution of a final block waits for its payload; the simulation does not.
    if (!this.payloads.has(root)) this.payloads.add(root)
  }

  accuse({ evidence }: EffectOf<'evidence'>): void {
    const { set } = this.world.epoch(evidence.first.epoch)
    this.world.oracle.judge(evidence, guiltyOf(evidence, set))
  }

  request({ request, from }: EffectOf<'request'>): void {
    const { world } = this
    const machine = from === undefined ? undefined : world.epoch(request.epoch).machines[from]
    const named = world.hosts.findIndex((host) => host.machine === machine)
    const place = named >= 0 ? named : world.rng.below(world.hosts.length)
    this.#ask(world.hosts[place] as Host, request)
  }

  #ask(peer: Host, request: CatchUpRequest): void {
    const own = String(this.world.hosts.indexOf(this))
    this.world.carry(this, peer, () => peer.feed({ kind: 'request', peer: own, request }))
  }

  /** Final blocks of one epoch from a height on, as far as a certificate that names the last one. */
  serve({ peer, fromHeight }: EffectOf<'serve'>): void {
    const first = this.chain[fromHeight - 1]
    if (first === undefined) return
    const batch = [first]
    for (const final of this.chain.slice(fromHeight)) {
      if (final.block.epoch !== first.block.epoch) break
      const last = batch.at(-1) ?? first
      if (batch.length >= 8 && last.certificate.block === last.root) break
      batch.push(final)
    }
    const { certificate } = batch.at(-1) ?? first
    const blocks = batch
      .toReversed()
      .map(({ root, block }) => ({ kind: 'block', root, block }) as const)
    this.send({ kind: 'send', peer, messages: [{ kind: 'certificate', certificate }, ...blocks] })
    const to = this.world.hosts[Number(peer)]
    if (to !== undefined)
      this.world.carry(this, to, () => to.askOn(this, fromHeight + batch.length - 1))
  }

  /** Whoever had final blocks has the next ones too: it is asked once what it sent has arrived. */
  askOn(peer: Host, height: number): void {
    this.later(askOnMs, () => {
      if (this.state === undefined || this.chain.length < height) return
      const { final, view, rules } = this.state
      const { epoch } = rules.set
      const range = { height: final.height, viewMin: final.view + 1, viewMax: view }
      this.#ask(peer, { epoch, ...range })
    })
  }

  checkBounds(): void {
    const { state } = this
    if (state === undefined) return
    const unfinal = state.view - state.final.view + consensusLimits.viewsAheadMax
    const proposals = [...state.views.values()].reduce(
      (sum, { proposals: all }) => sum + all.length,
      0,
    )
    const isBounded =
      state.views.size <= unfinal &&
      state.blocks.size <= proposals + unfinal &&
      state.wanted.size <= unfinal
    if (!isBounded) throw new SimulationError('UNBOUNDED', `machine ${this.machine}`)
  }
}

/** The message that a signature makes of a statement. */
export function signed(unsigned: Unsigned): Extract<Message, { kind: 'vote' | 'proposal' }> {
  return unsigned.kind === 'vote'
    ? { kind: 'vote', vote: { ...unsigned.vote, signature: '0x' } }
    : { kind: 'proposal', proposal: { ...unsigned.proposal, signature: '0x' } }
}

function unsignedOf(entry: Signed): Unsigned {
  return entry // a signature more changes nothing of what is said
}
