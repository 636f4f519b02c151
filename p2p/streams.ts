import type { Stream } from '@libp2p/interface'
import { assert } from '#base/assert.ts'
import { u32be } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { p2pLimits } from './limits.ts'

const chunkBytes = 65_536

/**
 * Writes all bytes while the stream's own queue stays below `sendQueueBytesMax` plus one chunk. Waits for
 * each `drain` event itself: the library's `onDrain()` resolves at once from the second time on.
 */
export async function sendAll(
  stream: Stream,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    signal.throwIfAborted()
    stream.send(bytes.subarray(offset, offset + chunkBytes))
    while (isQueueFull(stream)) await nextDrain(stream, signal)
  }
}

/** Sends the length as four bytes, then the bytes. */
export async function sendFrame(
  stream: Stream,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  stream.send(u32be(bytes.length))
  await sendAll(stream, bytes, signal)
}

function isQueueFull(stream: Stream): boolean {
  return stream.writeBufferLength > p2pLimits.sendQueueBytesMax || stream.writableNeedsDrain
}

function nextDrain(stream: Stream, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // The stream's own listener continues sending in a microtask: look again after that.
  const onDrain = () => setImmediate(resolve)
  const onClose = (event: Event & { error?: Error }) => reject(event.error ?? closedError())
  const onAbort = () => reject(signal.reason as Error)
  stream.addEventListener('drain', onDrain)
  stream.addEventListener('close', onClose)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  else if (stream.status !== 'open') reject(closedError())
  return promise.finally(() => {
    stream.removeEventListener('drain', onDrain)
    stream.removeEventListener('close', onClose)
    signal.removeEventListener('abort', onAbort)
  })
}

function closedError(): AppError {
  return new AppError({ code: 'STREAM_CLOSED', retryable: true })
}

/** Reads exact numbers of bytes from a stream. One read at a time. */
export interface StreamReader {
  /** Throws STREAM_CLOSED when the stream ends before, or the signal's reason. */
  read(sizeBytes: number, signal: AbortSignal): Promise<Uint8Array>
  /** Bytes that came and were not read yet. */
  heldBytes(): number
}

/**
 * Streams have no backpressure for the reader, so a peer that sends more than `heldBytesMax` unread
 * bytes breaks the protocol and its stream is aborted.
 */
export function createReader(stream: Stream, heldBytesMax: number): StreamReader {
  const chunks: Uint8Array[] = []
  let held = 0
  let failure: Error | undefined
  let wake: (() => void) | undefined

  function onMessage(event: Event & { data: Uint8Array | Iterable<Uint8Array> }): void {
    for (const chunk of event.data instanceof Uint8Array ? [event.data] : event.data) {
      chunks.push(chunk)
      held += chunk.length
    }
    if (held > heldBytesMax) {
      end(new AppError({ code: 'STREAM_OVERFLOW', heldBytes: held, heldBytesMax }))
      stream.abort(failure as Error)
    }
    wake?.()
  }

  function end(error: Error): void {
    failure ??= error
    wake?.()
  }

  stream.addEventListener('close', (event) => end(event.error ?? closedError()))
  stream.addEventListener('end', () => end(closedError()))
  stream.addEventListener('message', onMessage)
  if (stream.readableEnded) end(closedError())

  async function read(sizeBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    assert(wake === undefined, 'one read at a time')
    const bytes = new Uint8Array(sizeBytes)
    for (let filled = 0; filled < sizeBytes;) {
      const chunk = chunks.shift()
      if (chunk === undefined) {
        if (failure !== undefined) throw failure
        await more(signal)
        continue
      }
      const part = chunk.subarray(0, sizeBytes - filled)
      bytes.set(part, filled)
      filled += part.length
      held -= part.length
      if (part.length < chunk.length) chunks.unshift(chunk.subarray(part.length))
    }
    return bytes
  }

  async function more(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort)
    wake = resolve
    try {
      await promise
    } finally {
      wake = undefined
      signal.removeEventListener('abort', onAbort)
    }
  }

  return { read, heldBytes: () => held }
}

/** A frame as `sendFrame` writes it. Throws FRAME_TOO_LARGE before anything is allocated for it. */
export async function readFrame(
  reader: StreamReader,
  sizeBytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const header = await reader.read(4, signal)
  const sizeBytes = new DataView(header.buffer).getUint32(0)
  if (sizeBytes > sizeBytesMax) {
    throw new AppError({ code: 'FRAME_TOO_LARGE', sizeBytes, sizeBytesMax })
  }
  return reader.read(sizeBytes, signal)
}
