import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AppError } from '#base/error.ts'
import { type MethodName, type Reply, type Request, errorOf } from './runner-message.ts'
import type { CallOptions, GenerateOptions, Runner, TrainOptions } from './runner.ts'

const childFile = fileURLToPath(new URL('./runner-child.ts', import.meta.url))
const closeMsMax = 5_000
const callsMax = 64

interface Pending {
  resolve(result: unknown): void
  reject(error: AppError): void
  onStep?: ((step: number, loss: number) => void) | undefined
  onToken?: ((token: number) => void) | undefined
}

/** Starts a runner: a child process with the exact engine. `onExit` hears of an end that nobody asked for. */
export function createRunner(options: { onExit?: (error: AppError) => void } = {}): Runner {
  const child = fork(childFile, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const pending = new Map<number, Pending>()
  let lastId = 0
  let ending: AppError | undefined

  function end(error: AppError): void {
    ending ??= error
    for (const call of pending.values()) call.reject(ending)
    pending.clear()
  }

  child.on('message', (reply: Reply) => deliver(pending, reply))
  child.on('error', (error) => end(new AppError({ code: 'RUNNER_EXITED' }, { cause: error })))
  child.on('exit', (exitCode, signal) => {
    if (ending) return
    const error = new AppError({ code: 'RUNNER_EXITED', retryable: true, exitCode, signal })
    end(error)
    options.onExit?.(error)
  })

  async function call<T>(
    method: MethodName,
    task: unknown,
    { signal, onStep, onToken }: CallOptions & TrainOptions & GenerateOptions = {},
  ): Promise<T> {
    if (ending) throw ending
    if (signal?.aborted) throw aborted(signal)
    if (pending.size >= callsMax) throw new AppError({ code: 'RUNNER_BUSY', callsMax })
    const id = (lastId += 1)
    const abort = () => post(child, { kind: 'abort', id })
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await new Promise<T>((resolve, reject) => {
        pending.set(id, { resolve: (result) => resolve(result as T), reject, onStep, onToken })
        post(child, { kind: 'call', id, method, task })
      })
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  return {
    pid: child.pid,
    open: (job, callOptions) => call('open', job, callOptions),
    initialState: (task, callOptions) => call('initialState', task, callOptions),
    inspect: (state, callOptions) => call('inspect', state, callOptions),
    train: (task, callOptions) => call('train', task, callOptions),
    transcribe: (task, callOptions) => call('transcribe', task, callOptions),
    batches: (task, callOptions) => call('batches', task, callOptions),
    aggregate: (task, callOptions) => call('aggregate', task, callOptions),
    evaluate: (task, callOptions) => call('evaluate', task, callOptions),
    predict: (task, callOptions) => call('predict', task, callOptions),
    generate: (task, callOptions) => call('generate', task, callOptions),
    async close() {
      end(new AppError({ code: 'RUNNER_CLOSED' }))
      await closeChild(child)
    },
  }
}

function deliver(pending: Map<number, Pending>, reply: Reply): void {
  const call = pending.get(reply.id)
  if (!call) return
  if (reply.kind === 'step') {
    call.onStep?.(reply.step, reply.loss)
    return
  }
  if (reply.kind === 'token') {
    call.onToken?.(reply.token)
    return
  }
  pending.delete(reply.id)
  if (reply.kind === 'result') call.resolve(reply.result)
  else call.reject(errorOf(reply.fault))
}

function post(child: ChildProcess, request: Request): void {
  if (child.connected) child.send(request, () => {})
}

function aborted(signal: AbortSignal): AppError {
  return new AppError({ code: 'ABORTED' }, { cause: signal.reason })
}

/** Closes the channel, at which the child ends; kills it when it does not. */
async function closeChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const timer = setTimeout(() => child.kill('SIGKILL'), closeMsMax)
  if (child.connected) child.disconnect()
  await exited
  clearTimeout(timer)
}
