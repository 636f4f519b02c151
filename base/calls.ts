import { AppError, type ErrorFields } from './error.ts'
import { assert } from './assert.ts'

/** One end of a channel between two threads, as `node:worker_threads` has them. */
export interface Port {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** What one side answers, by name. Values must be such that the channel can copy them. */
export type Answers = Readonly<
  Record<string, (args: readonly unknown[], signal: AbortSignal) => unknown>
>

/** Calls across a channel, either way. */
export interface Calls {
  /**
   * Asks the other side. Rejects with what it threw: an AppError keeps its fields. Throws BUSY where too many
   * calls wait, and the signal's reason as soon as it aborts.
   */
  ask(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown>
  /** Tells the other side something; there is no answer. */
  tell(name: string, args: readonly unknown[]): void
  /** The other side is gone: what waits for it is rejected, and so is what still comes. */
  close(reason: Error): void
}

export interface CallsOptions {
  readonly waitingMax?: number
}

type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly args: unknown[] }
  | { readonly kind: 'tell'; readonly name: string; readonly args: unknown[] }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: PlainError }

/** An error as it crosses the channel. */
interface PlainError {
  readonly message: string
  readonly stack?: string | undefined
  readonly fields?: ErrorFields
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Opens one side of the channel. */
export function createCalls(
  port: Port,
  answers: Answers,
  { waitingMax = 4_096 }: CallsOptions = {},
): Calls {
  const post = (message: Message) => port.postMessage(compact(message))
  const answering = createAnswering(post, answers)
  const asking = createAsking(post, waitingMax)

  function take(message: Message): void {
    if (message.kind === 'ask') void answering.answer(message)
    else if (message.kind === 'tell') answering.hear(message)
    else if (message.kind === 'cancel') answering.cancel(message.id)
    else if (message.kind === 'answer') {
      asking.settle(message.id, ({ resolve }) => resolve(message.value))
    } else asking.settle(message.id, ({ reject }) => reject(errorOf(message.error)))
  }

  port.on('message', (message) => take(message as Message))
  return {
    ask: asking.ask,
    tell: (name, args) => post({ kind: 'tell', name, args: [...args] }),
    close(reason) {
      asking.close(reason)
      answering.close(reason)
    },
  }
}

function createAnswering(post: (message: Message) => void, answers: Answers) {
  const running = new Map<number, AbortController>()

  function answerOf(name: string): Answers[string] {
    const found = answers[name]
    assert(found, `the other side asks for what is answered here, not for ${name}`)
    return found
  }

  async function answer({ id, name, args }: Extract<Message, { kind: 'ask' }>): Promise<void> {
    const cancelling = new AbortController()
    running.set(id, cancelling)
    try {
      post({ kind: 'answer', id, value: await answerOf(name)(args, cancelling.signal) })
    } catch (error) {
      post({ kind: 'failure', id, error: plainOf(error) })
    } finally {
      running.delete(id)
    }
  }

  return {
    answer,
    hear({ name, args }: Extract<Message, { kind: 'tell' }>): void {
      answerOf(name)(args, new AbortController().signal)
    },
    cancel: (id: number) => running.get(id)?.abort(),
    close(reason: Error): void {
      for (const cancelling of running.values()) cancelling.abort(reason)
    },
  }
}

function createAsking(post: (message: Message) => void, waitingMax: number) {
  const waiting = new Map<number, Waiting>()
  let count = 0
  let closed: Error | undefined

  function settle(id: number, finish: (one: Waiting) => void): void {
    const one = waiting.get(id)
    waiting.delete(id)
    if (one !== undefined) finish(one)
  }

  function ask(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (closed !== undefined) return reject(closed)
      if (signal?.aborted === true) return reject(signal.reason as Error)
      if (waiting.size >= waitingMax) return reject(new AppError({ code: 'BUSY', retryable: true }))
      const id = (count += 1)
      const onAbort = () => {
        post({ kind: 'cancel', id })
        settle(id, (one) => one.reject(signal?.reason))
      }
      const finish = <T>(end: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener('abort', onAbort)
          end(value)
        }
      }
      waiting.set(id, { resolve: finish(resolve), reject: finish(reject) })
      signal?.addEventListener('abort', onAbort, { once: true })
      post({ kind: 'ask', id, name, args: [...args] })
    })
  }

  function close(reason: Error): void {
    closed = reason
    for (const id of waiting.keys()) settle(id, ({ reject }) => reject(reason))
  }

  return { ask, settle, close }
}

/** The channel copies the whole buffer under each view: a view of a part gets a buffer of its own first. */
function compact(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return value.byteLength === value.buffer.byteLength ? value : Uint8Array.from(value)
  }
  if (Array.isArray(value)) return value.map(compact)
  if (typeof value !== 'object' || value === null) return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, compact(one)]))
}

function plainOf(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, stack } = error
  return error instanceof AppError ? { message, stack, fields: error.fields } : { message, stack }
}

function errorOf({ message, stack, fields }: PlainError): Error {
  const error = fields === undefined ? new Error(message) : new AppError({ ...fields, message })
  if (stack !== undefined) error.stack = stack
  return error
}
