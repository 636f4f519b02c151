import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import type { Queue } from '#base/queue.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import type { Message } from '#chain/core/consensus/messages.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { ConsensusStore } from '../consensus-store.ts'
import { catchUpProtocol } from './asking.ts'
import { type Question, decodeQuestion, encodeAnswer, finalsFrom } from './catch-up.ts'
import type { ConsensusNetwork } from './gossip.ts'
import { type Sightings, type Witness, testify } from './testimony.ts'

export interface AnsweringDeps {
  readonly engine: EmbeddedEngine
  readonly consensus: ConsensusStore
  readonly network: ConsensusNetwork
  readonly scheme: Scheme
  readonly sightings: Sightings
  readonly inbox: Pick<Queue<Input>, 'push'>
}

/** Answers nodes that are behind with what the core and the store have for them. */
export interface Answering {
  /** What the core says to a question that it was given. */
  add(effect: Extract<Effect, { kind: 'send' | 'serve' }>): void
  /** The core has said all. */
  done(input: Input): void
  /** The returned function stops it. */
  serve(): Promise<() => Promise<void>>
}

interface Open {
  readonly messages: Message[]
  fromHeight: number | undefined
  readonly done: () => void
}

const concurrencyMax = 16

/** Creates the answering side of catching up. */
export function createAnswering(
  deps: AnsweringDeps,
  { chainId, witness }: { readonly chainId: number; readonly witness: Witness | undefined },
): Answering {
  const { engine, consensus, network, scheme, sightings, inbox } = deps
  const open = new Map<string, Open>()
  let count = 0

  /** Asks the core in its turn; the answer is what it says in that step. */
  async function askCore(question: Question, signal: AbortSignal): Promise<Open> {
    count += 1
    const peer = `question ${count}`
    try {
      return await new Promise<Open>((resolve, reject) => {
        const said: Open = { messages: [], fromHeight: undefined, done: () => resolve(said) }
        open.set(peer, said)
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        const isTaken = inbox.push({ kind: 'request', peer, request: question.request })
        if (!isTaken) reject(new AppError({ code: 'BUSY', retryable: true }))
      })
    } finally {
      open.delete(peer)
    }
  }

  function testimonyOf({ subject }: Question): Uint8Array {
    if (subject === undefined || witness === undefined) return new Uint8Array()
    return testify(scheme, witness, { subject, place: sightings.of(subject.blsKey), chainId })
  }

  async function answer(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const question = decodeQuestion(bytes)
    const { messages, fromHeight } = await askCore(question, signal)
    const store = { chain: engine.chain, consensus }
    const finals = fromHeight === undefined ? [] : finalsFrom(fromHeight, store)
    return encodeAnswer({ messages, finals, testimony: testimonyOf(question) })
  }

  return {
    add(effect) {
      const said = open.get(effect.peer)
      if (said === undefined) return
      if (effect.kind === 'send') said.messages.push(...effect.messages)
      else said.fromHeight = effect.fromHeight
    },
    done(input) {
      if (input.kind === 'request') open.get(input.peer)?.done()
    },
    serve: () =>
      network.handle(
        catchUpProtocol(chainId),
        (request, _from, signal) => answer(request, signal),
        { concurrencyMax },
      ),
  }
}
