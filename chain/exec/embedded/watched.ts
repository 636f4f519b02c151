import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm'
import type { FlatState } from './flat-state.ts'
import type { Machine } from './machine.ts'

/** Sees what the interpreter does in one transaction. Throwing ends the replay with that error. */
export interface Watcher {
  /** Before anything is paid. */
  onBegin?(state: FlatState): void
  /** After everything is paid. */
  onEnd?(state: FlatState): void
  onStep?(step: InterpreterStep): void
  onMessage?(message: Message): void
  onResult?(result: EVMResult): void
}

/** Runs `work` with the watcher listening; the first error that it throws is thrown afterwards. */
export async function watched<T>(
  { evm, state }: Machine,
  watcher: Watcher | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (watcher === undefined) return work()
  let fault: unknown
  const guarded =
    <A>(listen: ((value: A) => void) | undefined) =>
    (value: A) => {
      if (fault !== undefined) return
      try {
        listen?.(value)
      } catch (error) {
        fault = error
      }
    }
  const onStep = guarded((step: InterpreterStep) => watcher.onStep?.(step))
  const onMessage = guarded((message: Message) => watcher.onMessage?.(message))
  const onResult = guarded((result: EVMResult) => watcher.onResult?.(result))
  if (watcher.onStep !== undefined) evm.events.on('step', onStep)
  evm.events.on('beforeMessage', onMessage)
  evm.events.on('afterMessage', onResult)
  try {
    watcher.onBegin?.(state)
    const value = await work()
    guarded(() => watcher.onEnd?.(state))(undefined)
    if (fault !== undefined) throw fault
    return value
  } finally {
    evm.events.off('step', onStep)
    evm.events.off('beforeMessage', onMessage)
    evm.events.off('afterMessage', onResult)
  }
}
