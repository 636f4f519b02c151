import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Clock } from '#base/clock.ts'
import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { AppError, codeOf } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { CatchUpRequest, Message } from '#chain/core/consensus/messages.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import { consensusRoot } from '#chain/core/consensus-block.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { ConsensusStore } from '../consensus-store.ts'
import {
  type Answer,
  type Question,
  type ServedBlock,
  catchUpAnswerBytesMax,
  decodeAnswer,
  encodeQuestion,
} from './catch-up.ts'
import type { Epoch, Epochs } from './epochs.ts'
import type { Finaliser } from './finaliser.ts'
import type { ConsensusNetwork } from './gossip.ts'
import { isWhole } from './payloads.ts'
import { type Heard, hear } from './testimony.ts'
import type { Verifier } from './verifier.ts'

export interface AskingDeps {
  readonly network: ConsensusNetwork
  readonly verifier: Verifier
  readonly scheme: Scheme
  readonly engine: EmbeddedEngine
  readonly consensus: ConsensusStore
  readonly finaliser: Finaliser
  readonly epochs: Epochs
  readonly clock: Clock
  readonly logger: Logger
}

export interface AskingOptions {
  readonly chainId: number
  /** The present set. */
  readonly set: () => ValidatorSet
  /** The key whose signatures peers are asked for; undefined for a node without one. */
  readonly blsKey: Hex | undefined
  readonly onMessage: (message: Message) => void
  /** Final blocks were taken over: the core goes on from the newest. */
  readonly onAdopted: () => void
}

/** What one question brought. */
export interface Heeded {
  readonly adopted: number
  readonly testimony: Heard | undefined
}

/** Asks peers for what this node lacks, checks what they say, and takes over what is right. */
export interface Asking {
  /** Rejects where the peer does not answer; one that lies is dropped. */
  ask(peer: string, request: CatchUpRequest, signal: AbortSignal): Promise<Heeded>
}

const answerTimeoutMs = 10_000
const banMs = 600_000

/** The protocol by which a node that is behind asks. */
export const catchUpProtocol = (chainId: number) => `/quern/${chainId}/catch-up/1`

/** Creates the asking side of catching up. */
export function createAsking(deps: AskingDeps, options: AskingOptions): Asking {
  const { network, verifier, scheme, engine, consensus, clock, logger } = deps
  const { chainId, blsKey } = options
  let asked = 0

  function subjectOf(): Question['subject'] {
    if (blsKey === undefined) return undefined
    asked += 1
    const seed = concatBytes(utf8(network.peerId), u64be(clock.nowMs()), u64be(asked))
    return { blsKey, nonce: toHex(sha256(seed)) }
  }

  async function ask(peer: string, request: CatchUpRequest, signal: AbortSignal): Promise<Heeded> {
    const subject = subjectOf()
    const question: Question = subject === undefined ? { request } : { request, subject }
    const bytes = await network.request(peer, catchUpProtocol(chainId), encodeQuestion(question), {
      signal,
      timeoutMs: answerTimeoutMs,
      responseBytesMax: catchUpAnswerBytesMax,
    })
    try {
      const answer = decodeAnswer(bytes)
      const adopted = await adopt(answer.finals, signal)
      for (const message of answer.messages) await take(message)
      const heard =
        subject === undefined
          ? undefined
          : hear(scheme, answer.testimony, { subject, set: options.set(), chainId })
      return { adopted, testimony: heard }
    } catch (error) {
      if (!liesWith.includes(codeOf(error) ?? '')) throw error
      logger.warn({ peer, code: codeOf(error) }, 'a peer gave a false answer')
      network.drop(peer, { forMs: banMs })
      throw error
    }
  }

  async function take(message: Message): Promise<void> {
    if (!verifier.isOfEpoch(message)) return
    if (!(await verifier.isSigned(message))) throw new AppError({ code: 'ANSWER_FORGED' })
    options.onMessage(message)
  }

  /** Runs and keeps final blocks, each checked against its certificate and linked to the one before. */
  async function adopt(finals: Answer['finals'], signal: AbortSignal): Promise<number> {
    const from = engine.chain.finalised().header.number
    const news = finals.filter(({ block }) => block.height > from)
    const first = news[0]
    if (first === undefined || first.block.height !== from + 1) return 0
    const epoch = deps.epochs.at(from + 1)
    checkLinks(news, { ...deps, ...epoch, chainId, parentRoot: consensus.rootAt(from) })
    for (const final of news) {
      signal.throwIfAborted()
      const { payload, ...rest } = final
      await deps.finaliser.finalise(rest, async () => payload)
    }
    options.onAdopted()
    return news.length
  }

  return { ask }
}

interface LinkRules extends Pick<AskingDeps, 'engine' | 'scheme'>, Omit<Epoch, 'seed' | 'beganAt'> {
  readonly chainId: number
  readonly parentRoot: Hex | undefined
}

/** Throws ANSWER_FORGED where blocks of an epoch do not follow one another, or certificates do not hold. */
function checkLinks(finals: readonly ServedBlock[], rules: LinkRules): void {
  const { engine, set, lastHeight } = rules
  let root = rules.parentRoot
  for (const { block, certificate, payload } of finals) {
    const isRight =
      block.parentRoot === root &&
      block.epoch === set.epoch &&
      (block.nextSetRoot !== undefined) === (block.height === lastHeight) &&
      certificate.kind === 'finalize' &&
      payload.blockHash === block.executionHash &&
      payload.header.number === block.height &&
      isWhole(payload, engine) &&
      isSignedByQuorum(certificate, rules)
    if (!isRight) throw new AppError({ code: 'ANSWER_FORGED' })
    root = consensusRoot(block)
  }
  if (finals.at(-1)?.certificate.block !== root) throw new AppError({ code: 'ANSWER_FORGED' })
}

const liesWith = ['ANSWER_INVALID', 'ANSWER_FORGED', 'QUESTION_INVALID']
