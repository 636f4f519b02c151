import { z } from 'zod'
import type { Logger } from '#base/log.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { RpcMethods, Session } from './context.ts'
import { type RpcFailure, failureOf, rpcCodes } from './errors.ts'

const requestSchema = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string().max(256), z.number(), z.null()]).optional(),
  method: z.string().max(256),
  params: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
})

/** Answers the text of a request or batch; undefined where only notifications came. */
export type Dispatch = (text: string, session?: Session) => Promise<string | undefined>

/** Creates the JSON-RPC 2.0 side of the methods. */
export function createDispatch(methods: RpcMethods, logger: Logger): Dispatch {
  const table = new Map(Object.entries(methods))

  async function answer(
    request: unknown,
    session: Session | undefined,
  ): Promise<object | undefined> {
    const parsed = requestSchema.safeParse(request)
    if (!parsed.success) {
      const id = (request as { id?: unknown } | null)?.id
      const isId = typeof id === 'string' || typeof id === 'number'
      return failed(isId ? id : null, { code: rpcCodes.invalidRequest, message: 'invalid request' })
    }
    const { id, method, params = [] } = parsed.data
    const outcome = await call(method, params, session)
    if (id === undefined) return undefined
    return 'error' in outcome ? failed(id, outcome.error) : { jsonrpc: '2.0', id, ...outcome }
  }

  async function call(
    method: string,
    params: unknown,
    session: Session | undefined,
  ): Promise<{ result: unknown } | { error: RpcFailure }> {
    const handler = table.get(method)
    if (handler === undefined) {
      const message = `the method ${method} does not exist/is not available`
      return { error: { code: rpcCodes.methodNotFound, message } }
    }
    if (!Array.isArray(params)) {
      const message = 'parameters are given by position'
      return { error: { code: rpcCodes.invalidParams, message } }
    }
    try {
      return { result: await handler(params, session) }
    } catch (error) {
      const failure = failureOf(error)
      if (failure.code === rpcCodes.internal) logger.error({ method, error: describe(error) })
      return { error: failure }
    }
  }

  async function answerAll(batch: readonly unknown[], session: Session | undefined) {
    if (batch.length === 0) {
      return failed(null, { code: rpcCodes.invalidRequest, message: 'empty batch' })
    }
    if (batch.length > chainLimits.rpcBatchMax) {
      const message = `at most ${chainLimits.rpcBatchMax} requests a batch`
      return failed(null, { code: rpcCodes.limitExceeded, message })
    }
    const answers = await Promise.all(batch.map((request) => answer(request, session)))
    const kept = answers.filter((one) => one !== undefined)
    return kept.length === 0 ? undefined : kept
  }

  return async (text, session) => {
    let request: unknown
    try {
      request = JSON.parse(text)
    } catch {
      return JSON.stringify(failed(null, { code: rpcCodes.parse, message: 'parse error' }))
    }
    const reply = Array.isArray(request)
      ? await answerAll(request, session)
      : await answer(request, session)
    return reply === undefined ? undefined : JSON.stringify(reply)
  }
}

function failed(id: string | number | null, error: object) {
  return { jsonrpc: '2.0', id, error }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
