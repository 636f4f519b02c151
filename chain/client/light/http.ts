import { AppError } from '#base/error.ts'
import type { Rpc } from './client.ts'

const timeoutMs = 20_000
/** A certificate, a header and a few proofs are far smaller. */
const bytesMax = 4_194_304

/** JSON-RPC over HTTP to a node that is not trusted. Throws RPC_FAILED. */
export function createHttpRpc(url: string): Rpc {
  return async (method, params) => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      const answer = JSON.parse(await textOf(response)) as { result?: unknown; error?: unknown }
      if (answer.error === undefined) return answer.result
      throw new AppError({ code: 'RPC_FAILED', method, reason: JSON.stringify(answer.error) })
    } catch (error) {
      if (error instanceof AppError) throw error
      throw new AppError({ code: 'RPC_FAILED', method, url }, { cause: error })
    }
  }
}

/** The body, as long as it stays below the limit. */
async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  const reader = body?.getReader()
  for (;;) {
    const { done = true, value } = (await reader?.read()) ?? {}
    if (done || value === undefined) return text + decoder.decode()
    size += value.length
    if (size > bytesMax)
      throw new AppError({ code: 'RPC_FAILED', reason: 'the answer is too long' })
    text += decoder.decode(value, { stream: true })
  }
}
