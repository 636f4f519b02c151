import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Evidence } from '#chain/core/consensus/evidence.ts'
import type { Certificate, Message, Signed, Unsigned } from '#chain/core/consensus/messages.ts'
import type { Plan } from './plan.ts'

/** What a run must never show. */
export type Violation =
  | 'FORK'
  | 'ORDER'
  | 'INVALID_FINAL'
  | 'WRONG_PROPOSER'
  | 'NO_QUORUM'
  | 'SELF_CONFLICT'
  | 'INNOCENT_ACCUSED'
  | 'EVIDENCE_EMPTY'
  | 'REPLAY_DIFFERS'
  | 'STUCK'
  | 'UNBOUNDED'
  | 'CRASHED'

export class SimulationError extends Error {
  readonly violation: Violation

  constructor(violation: Violation, detail: string) {
    super(`${violation}: ${detail}`)
    this.name = 'SimulationError'
    this.violation = violation
  }
}

/** A block of the simulation, with what only its world knows. */
export interface MadeBlock {
  readonly block: ConsensusBlock
  readonly isValid: boolean
  readonly author: number
  readonly madeMs: number
}

type Said = { proposal?: string; notarize?: string; finalize?: string; nullify?: string }

/**
 * Judges a run by its own rules, none of them taken from the code under test: who signed what, which blocks
 * became final where, and who may be blamed.
 */
export class Oracle {
  readonly plan: Plan
  readonly blocks = new Map<Hex, MadeBlock>()
  readonly finals = new Map<number, Hex>()
  /** "machine|statement" of everything ever signed. */
  readonly #signed = new Set<string>()
  readonly #saidByHonest = new Map<string, Said>()
  readonly #authentic = new WeakSet<object>()
  readonly convicted = new Set<number>()

  constructor(plan: Plan) {
    this.plan = plan
  }

  isHonest(machine: number): boolean {
    return !this.plan.adversaries.has(machine)
  }

  members(epoch: number): Plan['epochs'][number] {
    return this.plan.epochs[Math.min(epoch, this.plan.epochs.length - 1)] ?? []
  }

  /** Notes a signature; an honest machine never contradicts itself. */
  sign(machine: number, unsigned: Unsigned): void {
    const said = unsigned.kind === 'vote' ? unsigned.vote : unsigned.proposal
    this.#signed.add(`${machine}|${textOf(said)}`)
    if (this.isHonest(machine)) this.#bind(machine, said)
  }

  #bind(machine: number, said: Statement): void {
    const place = `${machine}|${said.epoch}|${said.view}`
    const before = this.#saidByHonest.get(place) ?? {}
    this.#saidByHonest.set(place, before)
    const text = textOf(said)
    const earlier = before[said.kind]
    const opposite =
      said.kind === 'nullify' ? before.finalize : said.kind === 'finalize' && before.nullify
    if ((earlier !== undefined && earlier !== text) || typeof opposite === 'string') {
      throw new SimulationError(
        'SELF_CONFLICT',
        `machine ${machine}: ${text} after ${earlier ?? opposite}`,
      )
    }
    before[said.kind] = text
  }

  /** Whether the signatures of a message are real, which a driver checks before the core sees it. */
  isAuthentic(message: Message): boolean {
    if (message.kind === 'block') return this.blocks.get(message.root)?.block === message.block
    if (message.kind === 'certificate') return this.#isSignedByAll(message.certificate)
    const said = message.kind === 'vote' ? message.vote : message.proposal
    const index = message.kind === 'vote' ? message.vote.voter : message.proposal.proposer
    if (message.kind === 'proposal') {
      const { root, block } = message.proposal
      if (this.blocks.get(root)?.block !== block) return false
    }
    return this.hasSigned(said, index)
  }

  hasSigned(said: Statement, index: number): boolean {
    const machine = this.members(said.epoch)[index]?.machine
    return machine !== undefined && this.#signed.has(`${machine}|${textOf(said)}`)
  }

  #isSignedByAll(certificate: Certificate): boolean {
    if (this.#authentic.has(certificate)) return true
    const isReal = signersOf(certificate).every((index) => this.hasSigned(certificate, index))
    if (isReal) this.#authentic.add(certificate)
    return isReal
  }

  /** An honest machine finalised a block at the next height of its chain. */
  finalize(machine: number, root: Hex, certificate: Certificate): void {
    const made = this.blocks.get(root)
    if (made === undefined) throw new SimulationError('ORDER', `${root} was never made`)
    const { height } = made.block
    const other = this.finals.get(height)
    if (other !== undefined && other !== root) {
      throw new SimulationError('FORK', `height ${height}: ${short(root)} and ${short(other)}`)
    }
    this.finals.set(height, root)
    if (made.block.nextSetRoot !== this.nextSetRoot(made.block)) {
      throw new SimulationError('INVALID_FINAL', `height ${height} names another next set`)
    }
    if (!made.isValid)
      throw new SimulationError('INVALID_FINAL', `machine ${machine}: height ${height}`)
    this.#checkQuorum(certificate)
    if (other === undefined) this.#checkProposer(made)
  }

  #checkQuorum(certificate: Certificate): void {
    const members = this.members(certificate.epoch)
    const total = members.reduce((sum, { weight }) => sum + weight, 0)
    const signed = members.filter((_, index) => this.hasSigned(certificate, index))
    const weight = signed.reduce((sum, member) => sum + member.weight, 0)
    if (3 * weight <= 2 * total) throw new SimulationError('NO_QUORUM', textOf(certificate))
  }

  #checkProposer({ block, author }: MadeBlock): void {
    const allowed = this.allowedProposers(block)
    const members = this.members(block.epoch)
    if (!allowed.some((index) => members[index]?.machine === author)) {
      throw new SimulationError('WRONG_PROPOSER', `height ${block.height}, machine ${author}`)
    }
  }

  /** Set by the world, which knows the sets: what the block has to name as the next one. */
  nextSetRoot: (block: ConsensusBlock) => Hex | undefined = () => undefined

  /** Set by the world, which knows the draw by stake. */
  allowedProposers: (block: ConsensusBlock) => readonly number[] = () => []

  /** An honest machine accuses: both messages are real, and their signer is faulty. */
  judge(evidence: Evidence, guilty: readonly number[]): void {
    const { first, second } = evidence
    if (guilty.length === 0) throw new SimulationError('EVIDENCE_EMPTY', textOf(first))
    for (const index of guilty) {
      const machine = this.members(first.epoch)[index]?.machine ?? -1
      const isReal = this.hasSigned(first, index) && this.hasSigned(second, index)
      if (!isReal || this.isHonest(machine)) {
        throw new SimulationError('INNOCENT_ACCUSED', `machine ${machine}: ${textOf(first)}`)
      }
      this.convicted.add(machine)
    }
  }

  wasSigned(machine: number, entry: Signed): boolean {
    const said = entry.kind === 'vote' ? entry.vote : entry.proposal
    return this.#signed.has(`${machine}|${textOf(said)}`)
  }
}

type Statement = {
  readonly kind: 'proposal' | 'notarize' | 'nullify' | 'finalize'
  readonly epoch: number
  readonly view: number
  readonly block?: Hex | ConsensusBlock
  readonly root?: Hex
  readonly parentView?: number
}

function textOf({ kind, epoch, view, block, root, parentView }: Statement): string {
  const named = kind !== 'nullify' && typeof block === 'string' ? block : ''
  const what = kind === 'proposal' ? `${root} on ${parentView}` : named
  return `${epoch}|${view}|${kind}|${what}`
}

function signersOf({ signers }: Certificate): readonly number[] {
  const indices: number[] = []
  for (let at = 2; at < signers.length; at += 2) {
    const byte = Number.parseInt(signers.slice(at, at + 2), 16)
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) indices.push(4 * (at - 2) + bit)
  }
  return indices
}

export function short(root: Hex): string {
  return root.slice(-6)
}
