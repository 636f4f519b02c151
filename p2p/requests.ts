import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { utf8 } from '#base/bytes.ts'
import { AppError, codeOf } from '#base/error.ts'
import { deadline, isTimeout } from './deadline.ts'
import type { FloodGuard } from './flood-guard.ts'
import { p2pLimits } from './limits.ts'
import type { HandlerOptions, RequestHandler, RequestOptions } from './network.ts'
import { createReader, readFrame, sendFrame } from './streams.ts'

const answered = 0
const refused = 1

export interface ServeOptions extends HandlerOptions {
  readonly guard: FloodGuard
  /** Told of a peer that asks too much. */
  readonly onFlood: (peerId: string) => void
}

/**
 * Serves one protocol: each stream carries one frame of question, then a status byte and one frame of
 * answer. Beyond `concurrencyMax` at once a peer hears BUSY.
 */
export async function serveRequests(
  libp2p: Libp2p,
  protocol: string,
  serve: RequestHandler,
  { onFlood, guard, ...options }: ServeOptions,
): Promise<() => Promise<void>> {
  const stopping = new AbortController()
  let active = 0

  async function answer(stream: Stream, connection: Connection): Promise<void> {
    const peerId = connection.remotePeer.toString()
    if (guard.isFlood(peerId)) return onFlood(peerId)
    const signal = AbortSignal.any([
      stopping.signal,
      AbortSignal.timeout(p2pLimits.requestTimeoutMs),
    ])
    active += 1
    try {
      if (active > (options.concurrencyMax ?? p2pLimits.requestConcurrencyMax)) {
        await refuse(stream, 'BUSY', signal)
        return
      }
      const sizeBytesMax = options.requestBytesMax ?? p2pLimits.requestBytesMax
      const reader = createReader(stream, sizeBytesMax + 4)
      const request = await readFrame(reader, sizeBytesMax, signal)
      try {
        const response = await serve(request, peerId, signal)
        stream.send(Uint8Array.of(answered))
        await sendFrame(stream, response, signal)
      } catch (error) {
        if (stream.status !== 'open') throw error
        await refuse(stream, codeOf(error) ?? 'FAILED', signal)
      }
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error as Error)
    } finally {
      active -= 1
    }
  }

  await libp2p.handle(protocol, answer, { maxInboundStreams: p2pLimits.requestConcurrencyMax * 2 })
  return async () => {
    stopping.abort(new AppError({ code: 'STOPPED' }))
    await libp2p.unhandle(protocol)
  }
}

async function refuse(stream: Stream, code: string, signal: AbortSignal): Promise<void> {
  stream.send(Uint8Array.of(refused))
  await sendFrame(stream, utf8(code.slice(0, 64)), signal)
}

/** Asks a peer one question. See `Network.request`. */
export async function sendRequest(
  libp2p: Libp2p,
  target: { peerId: string; protocol: string },
  body: Uint8Array,
  options: RequestOptions = {},
): Promise<Uint8Array> {
  const signal = deadline(options, p2pLimits.requestTimeoutMs)
  const sizeBytesMax = options.responseBytesMax ?? p2pLimits.responseBytesMax
  let stream: Stream | undefined
  try {
    stream = await libp2p.dialProtocol(peerIdFromString(target.peerId), target.protocol, { signal })
    const reader = createReader(stream, sizeBytesMax + 5)
    await sendFrame(stream, body, signal)
    const [status] = await reader.read(1, signal)
    const response = await readFrame(reader, sizeBytesMax, signal)
    await stream.close({ signal })
    if (status === answered) return response
    throw refusal(target, new TextDecoder().decode(response))
  } catch (error) {
    stream?.abort(error as Error)
    throw translate(error, target, options)
  }
}

type Target = { peerId: string; protocol: string }

function translate(error: unknown, target: Target, options: RequestOptions): unknown {
  if (options.signal?.aborted) return options.signal.reason
  if (codeOf(error) === 'PEER_REFUSED') return error
  if (codeOf(error) === 'FRAME_TOO_LARGE' || codeOf(error) === 'STREAM_OVERFLOW') {
    return new AppError({ code: 'RESPONSE_TOO_LARGE', ...target }, { cause: error })
  }
  if (isTimeout(error)) {
    return new AppError({ code: 'PEER_TIMEOUT', retryable: true, ...target }, { cause: error })
  }
  if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
    return refusal(target, 'UNSUPPORTED')
  }
  return new AppError({ code: 'PEER_UNREACHABLE', retryable: true, ...target }, { cause: error })
}

function refusal(target: Target, text: string): AppError {
  const reason = /^[A-Z0-9_]{1,64}$/.test(text) ? text : 'FAILED'
  return new AppError({ code: 'PEER_REFUSED', reason, retryable: reason === 'BUSY', ...target })
}
