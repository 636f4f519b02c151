import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Session } from './context.ts'
import type { Dispatch } from './dispatch.ts'

export interface RpcServer {
  /** Listens; gives the port, chosen by the system where 0 was asked. Throws PORT_TAKEN. */
  listen(): Promise<number>
  close(): Promise<void>
}

export interface RpcServerOptions {
  readonly host: string
  readonly port: number
}

const requestMsMax = 60_000
/** Idle connections stay as long: one that is closed just when a request comes fails that request. */
const idleMsMax = 120_000

/** JSON-RPC over HTTP POST and WebSocket on one port. */
export function createRpcServer(
  dispatch: Dispatch,
  logger: Logger,
  { host, port }: RpcServerOptions,
): RpcServer {
  const options = { requestTimeout: requestMsMax, keepAliveTimeout: idleMsMax }
  const http = createServer(options, (request, response) => {
    answerHttp(dispatch, request, response).catch((error: unknown) => {
      logger.warn({ error: String(error) }, 'request failed')
      response.destroy()
    })
  })
  http.maxConnections = chainLimits.rpcConnectionsMax
  http.on('clientError', (_error, socket) => socket.destroy())
  const sockets = new WebSocketServer({ server: http, maxPayload: chainLimits.rpcRequestBytesMax })
  sockets.on('connection', (socket) => serveSocket(dispatch, socket))
  sockets.on('error', () => undefined) // the HTTP server reports it

  return {
    listen: () => listenOn(http, { host, port }),
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      http.closeAllConnections()
      await new Promise<void>((resolve) => http.close(() => resolve()))
    },
  }
}

function listenOn(http: Server, { host, port }: RpcServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'PORT_TAKEN' : 'LISTEN_FAILED'
      reject(new AppError({ code, host, port }, { cause }))
    })
    http.listen(port, host, () => resolve((http.address() as AddressInfo).port))
  })
}

async function answerHttp(
  dispatch: Dispatch,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-allow-headers', 'content-type')
  if (request.method === 'OPTIONS') return void response.writeHead(204).end()
  if (request.method !== 'POST') return void response.writeHead(405).end()
  const text = await readBody(request)
  if (text === undefined) {
    response.writeHead(413, { connection: 'close' }).end()
    return
  }
  const reply = await dispatch(text)
  if (reply === undefined) return void response.writeHead(204).end()
  response.writeHead(200, { 'content-type': 'application/json' }).end(reply)
}

/** The request's body; undefined where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    sizeBytes += part.length
    if (sizeBytes > chainLimits.rpcRequestBytesMax) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function serveSocket(dispatch: Dispatch, socket: WebSocket): void {
  let waiting = 0

  /** False where the other side does not read: it is cut off rather than buffered for. */
  function send(text: string): boolean {
    if (socket.bufferedAmount > chainLimits.rpcBufferBytesMax) {
      socket.terminate()
      return false
    }
    socket.send(text)
    return true
  }

  const session: Session = {
    subscriptions: new Map(),
    notify(subscription, result) {
      const params = { subscription, result }
      return send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params }))
    },
  }

  async function answer(text: string): Promise<void> {
    waiting += 1
    try {
      const reply = await dispatch(text, session)
      if (reply !== undefined) send(reply)
    } finally {
      waiting -= 1
    }
  }

  socket.on('message', (message: Buffer) => {
    if (waiting >= chainLimits.rpcBatchMax) return socket.terminate()
    answer(message.toString('utf8')).catch(() => socket.terminate())
  })
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    for (const end of session.subscriptions.values()) end()
    session.subscriptions.clear()
  })
}
