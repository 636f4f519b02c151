import type { Clock } from '#base/clock.ts'
import { utf8 } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { parseJson } from '#wire/canonical.ts'
import { signJwt } from './jwt.ts'

export interface EngineRpcOptions {
  readonly url: string
  /** Of the Engine API; without one no token is sent. */
  readonly jwtSecret?: Uint8Array
  readonly timeoutMs?: number
}

/** JSON-RPC with an execution client. */
export interface EngineRpc {
  /**
   * Throws ENGINE_DOWN (retryable: nobody answers), ENGINE_TOKEN_REFUSED (another secret), ENGINE_REFUSED with
   * the client's own `rpcCode` and reason, ENGINE_ANSWER_INVALID.
   */
  call(method: string, params: readonly unknown[]): Promise<unknown>
}

const timeoutMsDefault = 10_000
/** A payload of 8 MiB is twice that as hex. */
const answerBytesMax = 33_554_432

/** Creates the calls. A token whose time the client refuses is made once more by the client's own clock. */
export function createEngineRpc(clock: Pick<Clock, 'nowMs'>, options: EngineRpcOptions): EngineRpc {
  const { url, jwtSecret, timeoutMs = timeoutMsDefault } = options
  let count = 0
  let skewMs = 0

  function post(body: string): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (jwtSecret !== undefined) {
      const issuedAt = Math.floor((clock.nowMs() + skewMs) / 1_000)
      headers['authorization'] = `Bearer ${signJwt(jwtSecret, issuedAt)}`
    }
    const signal = AbortSignal.timeout(timeoutMs)
    return fetch(url, { method: 'POST', body, headers, signal })
  }

  async function postTwice(body: string): Promise<Response> {
    const response = await post(body)
    if (response.status !== 401 && response.status !== 403) return response
    const serverMs = Date.parse(response.headers.get('date') ?? '')
    await response.body?.cancel()
    if (Number.isNaN(serverMs)) throw new AppError({ code: 'ENGINE_TOKEN_REFUSED', url })
    skewMs = serverMs - clock.nowMs()
    const again = await post(body)
    if (again.ok) return again
    await again.body?.cancel()
    throw new AppError({ code: 'ENGINE_TOKEN_REFUSED', url, status: again.status })
  }

  async function call(method: string, params: readonly unknown[]): Promise<unknown> {
    count += 1
    const body = JSON.stringify({ jsonrpc: '2.0', id: count, method, params })
    try {
      const response = await postTwice(body)
      return resultOf(parseJson(await readAll(response), answerBytesMax), method)
    } catch (error) {
      if (error instanceof AppError) throw error
      throw new AppError({ code: 'ENGINE_DOWN', url, method, retryable: true }, { cause: error })
    }
  }

  return { call }
}

async function readAll(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of response.body ?? [utf8('')]) {
    sizeBytes += chunk.length
    if (sizeBytes > answerBytesMax) {
      throw new AppError({ code: 'ENGINE_ANSWER_INVALID', reason: 'too long' })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function resultOf(answer: unknown, method: string): unknown {
  const { result, error } = (answer ?? {}) as {
    readonly result?: unknown
    readonly error?: { readonly code?: unknown; readonly message?: unknown }
  }
  if (error !== undefined && error !== null) {
    const reason = String(error.message)
    throw new AppError({ code: 'ENGINE_REFUSED', method, rpcCode: Number(error.code), reason })
  }
  return result
}
