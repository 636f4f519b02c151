import type { Hex } from '#base/hex.ts'
import { certifiedRoot } from '#chain/core/consensus/ancestry.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Message, Unsigned, VoteKind } from '#chain/core/consensus/messages.ts'
import { bitmapOf } from '#chain/core/consensus/validators.ts'
import { Host, signed } from './host.ts'
import type { Trick } from './plan.ts'

const voteKinds: readonly VoteKind[] = ['notarize', 'nullify', 'finalize']

/**
 * A faulty validator. It runs the protocol too, to know where the others are, and keeps neither log nor word.
 * It can sign only for itself: what it forges, the drivers of the others drop.
 */
export class Adversary extends Host {
  #votedFor = new Set<Hex>()

  #does(trick: Trick): boolean {
    return this.world.plan.adversaries.get(this.machine)?.has(trick) === true
  }

  override perform(effect: Effect): void {
    if (this.#does('mute') && Math.floor(this.world.nowMs / 700) % 2 === 0) return
    if (effect.kind === 'evidence' || effect.kind === 'finalize') return this.#note(effect)
    if (effect.kind === 'setTimer' && effect.timer.name === 'proposal') this.#enter()
    super.perform(effect)
  }

  #note(effect: Effect): void {
    // It accuses nobody; its own chain counts for nothing, but serves others.
    if (effect.kind === 'finalize' && effect.block.height === this.chain.length + 1) {
      this.chain.push(effect)
    }
  }

  override sign(unsigned: Unsigned): void {
    this.later(1, () => {
      this.world.oracle.sign(this.machine, unsigned)
      const message = signed(unsigned)
      this.broadcast(message)
      this.feed(message)
    })
  }

  override sharesPayload(): boolean {
    return !this.#does('withhold')
  }

  override broadcast(message: Message): void {
    const splits = ['selective', 'twins', 'vote for all'] as const
    const isSplit = !this.#does('divide') && splits.some((trick) => this.#does(trick))
    for (const host of this.world.hosts) {
      if (isSplit && this.world.chance(50)) continue
      this.transmit(host, message)
    }
  }

  override transmit(to: Host, message: Message): void {
    if (this.#does('divide') && this.#isKeptFrom(to, message)) return
    const isShown = !this.#does('withhold') || this.world.chance(30)
    super.transmit(to, message, isShown)
  }

  /** Even blocks are for even machines, odd ones for odd machines; the faulty know both. */
  #isKeptFrom(to: Host, message: Message): boolean {
    if (!this.world.oracle.isHonest(to.machine)) return false
    const root = rootOf(message)
    return root !== undefined && Number.parseInt(root.slice(-1), 16) % 2 !== to.machine % 2
  }

  override receive(message: Message, hasPayload: boolean): void {
    super.receive(message, hasPayload)
    if (this.state === undefined || !this.#does('vote for all')) return
    if (message.kind === 'proposal') this.#voteForAll(message.proposal.view, message.proposal.root)
    if (message.kind === 'certificate' && message.certificate.block !== undefined) {
      this.#voteForAll(message.certificate.view, message.certificate.block)
    }
  }

  #voteForAll(view: number, root: Hex): void {
    if (this.#votedFor.has(root)) return
    this.#votedFor.add(root)
    for (const kind of voteKinds) this.#say(kind, view, root)
  }

  #say(kind: VoteKind, view: number, root: Hex): void {
    const { self, set } = this.state?.rules ?? {}
    if (self === undefined || set === undefined) return
    const block = kind === 'nullify' ? undefined : root
    const vote = { kind, epoch: set.epoch, view, block, voter: self }
    this.world.oracle.sign(this.machine, { kind: 'vote', vote })
    this.broadcast({ kind: 'vote', vote: { ...vote, signature: '0x' } })
  }

  /** A new view begins. */
  #enter(): void {
    if (this.#does('usurp')) this.later(5, () => this.#proposeOn(this.view() - 1))
    if (this.#does('junk')) this.later(1 + this.world.rng.below(200), () => this.#sendJunk())
  }

  override propose(effect: Effect & { readonly kind: 'propose' }): void {
    if (this.#does('idle')) return
    const isUnusual = ['stale parent', 'false parent', 'equivocate', 'invalid'] as const
    if (!isUnusual.some((trick) => this.#does(trick))) return super.propose(effect)
    const copies = this.#does('equivocate') ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) {
      const parentView = effect.parentView - this.#steps('stale parent')
      this.#proposeOn(parentView, { isSplit: copies > 1, proposer: effect.proposer })
    }
  }

  /** How many views back, most often one. */
  #steps(trick: Trick): number {
    if (!this.#does(trick)) return 0
    return this.world.chance(60) ? 1 : this.world.rng.below(6)
  }

  /** Proposes on the newest block that it knows of a view at or below `parentView`. */
  #proposeOn(
    parentView: number,
    { isSplit = false, proposer = this.state?.rules.self }: Proposing = {},
  ): void {
    const { state } = this
    if (state === undefined || proposer === undefined) return
    for (let view = Math.max(parentView, 0); view >= 0; view -= 1) {
      const parent = this.#parentAt(view)
      if (parent === undefined) continue
      const isValid = !this.#does('invalid') || this.world.chance(30)
      const extended = this.#parentAt(view - this.#steps('false parent')) ?? parent
      const root = this.build(state.view, extended.root, parent.height + 1, isValid)
      const { epoch } = state.rules.set
      const place = { kind: 'proposal', epoch, view: state.view, parentView: view, root } as const
      const proposal = { ...place, block: this.blockOf(root), proposer }
      this.world.oracle.sign(this.machine, { kind: 'proposal', proposal })
      const message = signed({ kind: 'proposal', proposal })
      for (const host of this.world.hosts) {
        if (!isSplit || this.#does('divide') || this.world.chance(50)) this.transmit(host, message)
      }
      for (const kind of voteKinds.slice(0, 1)) this.#say(kind, state.view, root)
      return
    }
  }

  #parentAt(view: number): { readonly root: Hex; readonly height: number } | undefined {
    const { state, chain, world } = this
    if (state === undefined) return undefined
    if (view === 0 && state.rules.set.epoch === 0) return world.genesis()
    const root = view >= state.final.view ? certifiedRoot(state, view) : undefined
    if (root !== undefined) {
      const height = state.blocks.get(root)?.height
      return height === undefined ? undefined : { root, height }
    }
    const past = chain.find(({ certificate, block }) => {
      return certificate.epoch === state.rules.set.epoch && block.view === view
    })
    return past === undefined ? undefined : { root: past.root, height: past.block.height }
  }

  #sendJunk(): void {
    const { state, world } = this
    const { self, set } = state?.rules ?? {}
    if (state === undefined || self === undefined || set === undefined) return
    const { epoch } = set
    const view = Math.max(1, state.view - 3 + world.rng.below(40))
    const root = certifiedRoot(state, view) ?? state.final.root
    for (const kind of voteKinds) {
      const block = kind === 'nullify' ? undefined : root
      const said = { kind, epoch, view, block }
      const vote = { ...said, voter: self, signature: '0x' } as const
      const signers = bitmapOf([self], set.validators.length)
      world.oracle.sign(this.machine, { kind: 'vote', vote })
      this.#scatter({ kind: 'vote', vote })
      this.#scatter({ kind: 'vote', vote: { ...vote, voter: (self + 1) % set.validators.length } })
      this.#scatter({ kind: 'vote', vote: { ...vote, voter: 99 } })
      this.#scatter({ kind: 'certificate', certificate: { ...said, signers, signature: '0x' } })
      const wide = `0x${'ff'.repeat(Math.ceil(set.validators.length / 8) + 1)}` as const
      this.#scatter({
        kind: 'certificate',
        certificate: { ...said, signers: wide, signature: '0x' },
      })
    }
    const request = { epoch, height: 0, viewMin: 0, viewMax: 2 ** 40 }
    const host = world.hosts[world.rng.below(world.hosts.length)] as Host
    const own = String(world.hosts.indexOf(this))
    world.carry(this, host, () => host.feed({ kind: 'request', peer: own, request }))
  }

  #scatter(message: Message): void {
    const { hosts, rng } = this.world
    this.transmit(hosts[rng.below(hosts.length)] as Host, message)
  }
}

interface Proposing {
  /** Each sees one of several blocks. */
  readonly isSplit?: boolean
  /** As which of its seats. */
  readonly proposer?: number | undefined
}

function rootOf(message: Message): Hex | undefined {
  if (message.kind === 'proposal') return message.proposal.root
  if (message.kind === 'vote') return message.vote.block
  return message.kind === 'certificate' ? message.certificate.block : message.root
}
