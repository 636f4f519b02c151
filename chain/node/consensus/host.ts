import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Logger } from '#base/log.ts'
import type { Queue } from '#base/queue.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import {
  type Certificate,
  type Message,
  type Unsigned,
  signingBytes,
} from '#chain/core/consensus/messages.ts'
import type { Anchor, Rules } from '#chain/core/consensus/rules.ts'
import { type State, createState } from '#chain/core/consensus/state.ts'
import { step } from '#chain/core/consensus/step.ts'
import { bitmapOf } from '#chain/core/consensus/validators.ts'
import type { Keyring } from './keyring.ts'
import type { VoteLog } from './vote-log.ts'

type EffectOf<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>

/** What the core is made to do by others: long work whose answer comes back as an input. */
export interface Performers {
  propose(effect: EffectOf<'propose'>): void
  certify(effect: EffectOf<'certify'>): void
  setTimer(effect: EffectOf<'setTimer'>): void
  finalize(effect: EffectOf<'finalize'>): void
  publish(message: Message): void
  request(effect: EffectOf<'request'>): void
  answer(effect: EffectOf<'send'> | EffectOf<'serve'>): void
  evidence(effect: EffectOf<'evidence'>): void
  /** The input and all its effects are done. */
  done(input: Input): void
}

export interface HostDeps {
  readonly log: VoteLog
  readonly scheme: Scheme
  readonly logger: Logger
  readonly performers: Performers
  readonly inbox: Pick<Queue<Input>, 'push'>
}

/** The core of one node with its log: the only place where `step` is called. */
export interface Host {
  /** Begins anew at a final block: takes the log in, then starts. */
  begin(rules: Rules, anchor: Anchor): Promise<void>
  handle(input: Input): Promise<void>
  state(): State | undefined
}

/** Creates a host; `begin` comes first. */
export function createHost(
  deps: HostDeps,
  { chainId, keyring }: { readonly chainId: number; readonly keyring: Keyring },
): Host {
  const { log, scheme, logger, performers, inbox } = deps
  let state: State | undefined

  async function begin(rules: Rules, anchor: Anchor): Promise<void> {
    state = createState(rules, anchor)
    const entries = log.entries()
    for (const entry of entries) await perform(step(state, { kind: 'replayed', entry }))
    await perform(step(state, { kind: 'started' }))
  }

  function join(effect: EffectOf<'aggregate'>): Certificate {
    const count = state?.rules.set.validators.length ?? 0
    return aggregate(scheme, effect, count)
  }

  async function perform(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      if (effect.kind === 'log') log.append(effect.entry)
      else if (effect.kind === 'sign') await sign(effect.unsigned)
      else if (effect.kind === 'aggregate')
        inbox.push({ kind: 'certificate', certificate: join(effect) })
      else delegate(performers, effect)
    }
  }

  /** A signature leaves only after it is in the log, on the disk. */
  async function sign(unsigned: Unsigned): Promise<void> {
    const statement = unsigned.kind === 'vote' ? unsigned.vote : unsigned.proposal
    const index = 'voter' in statement ? statement.voter : statement.proposer
    const secret = keyring.secretOf(state?.rules.set.validators[index])
    if (secret === undefined) return
    const outcome = await log.sign(unsigned, () =>
      scheme.sign(secret, signingBytes(chainId, statement)),
    )
    if (outcome.kind === 'refused') {
      const { kind, view } = statement
      logger.warn({ kind, view, code: outcome.code }, 'a signature was refused')
      return
    }
    performers.publish(outcome.signed)
    inbox.push(outcome.signed)
  }

  return {
    begin,
    async handle(input) {
      if (state !== undefined) await perform(step(state, input))
      performers.done(input)
    },
    state: () => state,
  }
}

function aggregate(
  scheme: Scheme,
  { statement, votes }: EffectOf<'aggregate'>,
  validatorCount: number,
): Certificate {
  const { kind, epoch, view, block } = statement
  const voters = votes.map(({ voter }) => voter)
  return {
    kind,
    epoch,
    view,
    ...(block === undefined ? {} : { block }),
    signers: bitmapOf(voters, validatorCount),
    signature: scheme.aggregate(votes.map(({ signature }) => signature)),
  }
}

function delegate(
  performers: Performers,
  effect: Exclude<Effect, { kind: 'log' | 'sign' | 'aggregate' }>,
): void {
  switch (effect.kind) {
    case 'broadcast':
      return performers.publish(effect.message)
    case 'send':
    case 'serve':
      return performers.answer(effect)
    case 'propose':
      return performers.propose(effect)
    case 'certify':
      return performers.certify(effect)
    case 'setTimer':
      return performers.setTimer(effect)
    case 'finalize':
      return performers.finalize(effect)
    case 'evidence':
      return performers.evidence(effect)
    case 'request':
      return performers.request(effect)
  }
}
