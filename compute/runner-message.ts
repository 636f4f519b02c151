import { AppError } from '#base/error.ts'

/** Messages between a runner and its child process, over Node's IPC channel. */
export type MethodName =
  | 'open'
  | 'initialState'
  | 'inspect'
  | 'train'
  | 'transcribe'
  | 'batches'
  | 'aggregate'
  | 'evaluate'
  | 'predict'
  | 'generate'

export type Request =
  | {
      readonly kind: 'call'
      readonly id: number
      readonly method: MethodName
      readonly task: unknown
    }
  | { readonly kind: 'abort'; readonly id: number }

export type Reply =
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly fault: Fault }
  | { readonly kind: 'step'; readonly id: number; readonly step: number; readonly loss: number }
  | { readonly kind: 'token'; readonly id: number; readonly token: number }

/** An error that crosses the border. */
export interface Fault {
  readonly fields: Readonly<Record<string, unknown>> & { readonly code: string }
  readonly message: string
  readonly stack?: string
}

/** Errors of ours keep their code and fields; anything else is RUNNER_FAILED. */
export function faultOf(error: unknown): Fault {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const fields =
    error instanceof AppError ? plainFields(error) : { code: 'RUNNER_FAILED', reason: message }
  return { fields, message, stack }
}

export function errorOf({ fields, message, stack }: Fault): AppError {
  return new AppError({ ...fields, message }, { cause: stack })
}

function plainFields({ fields }: AppError): Fault['fields'] {
  const { message: _message, ...rest } = fields as Fault['fields']
  return JSON.parse(JSON.stringify(rest)) as Fault['fields']
}
