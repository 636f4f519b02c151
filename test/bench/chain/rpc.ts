import { Agent, request } from 'node:http'

/** JSON-RPC over connections that are kept. */
export interface Rpc {
  /** Throws with the server's error. */
  call<T = unknown>(method: string, params?: readonly unknown[]): Promise<T>
  /** Answers of a batch in its order; an entry with an error throws. */
  batch<T = unknown>(calls: readonly (readonly [string, readonly unknown[]])[]): Promise<T[]>
  /** Sends a body as it is. */
  post(body: string): Promise<string>
  close(): void
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** Connects to a node. */
export function createRpc(url: string): Rpc {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const { hostname, port } = new URL(url)

  function post(body: string, isRepeatable = true): Promise<string> {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    return new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method: 'POST', agent, headers }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
        response.on('error', reject)
      })
      sent.on('error', (error) => {
        // A server may close an idle connection while the request is on its way.
        if (sent.reusedSocket && isRepeatable) resolve(post(body, false))
        else reject(error)
      })
      sent.end(body)
    })
  }

  function resultOf({ result, error }: Answer, method: string): unknown {
    if (error !== undefined) throw new Error(`${method}: ${error.message.slice(0, 300)}`)
    return result
  }

  return {
    post: (body) => post(body),
    async call<T>(method: string, params: readonly unknown[] = []) {
      const text = await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
      return resultOf(JSON.parse(text) as Answer, method) as T
    },
    async batch<T>(calls: readonly (readonly [string, readonly unknown[]])[]) {
      const requests = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
      const answers = JSON.parse(await post(JSON.stringify(requests))) as Answer[]
      const byId = new Map(answers.map((answer) => [answer.id, answer]))
      return calls.map(([method], id) => {
        const answer = byId.get(id)
        if (answer === undefined) throw new Error(`${method}: no answer in ${text(answers)}`)
        return resultOf(answer, method) as T
      })
    },
    close: () => agent.destroy(),
  }
}

function text(value: unknown): string {
  return JSON.stringify(value).slice(0, 300)
}
