import type { Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { concatBytes, u32be } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { p2pLimits } from './limits.ts'
import { createReader, sendAll, type StreamReader } from './streams.ts'

const blockProtocol = '/quern/block/1'
const absent = 0xffff_ffff
const cidBytesMax = 128
const idleMs = 60_000

/**
 * Answers `/quern/block/1`. A question is a length byte and a CID; the answer a length u32 and the block,
 * or 0xffffffff. Answers come in order; a peer may have `blockCreditMax` questions open and not more, so
 * that no reader is sent more than it asked for.
 */
export async function serveBlocks(
  libp2p: Libp2p,
  read: (cid: CID) => Promise<Uint8Array | undefined>,
): Promise<() => Promise<void>> {
  const stopping = new AbortController()

  async function answer(stream: Stream): Promise<void> {
    const reader = createReader(stream, p2pLimits.blockCreditMax * (1 + cidBytesMax))
    try {
      for (;;) {
        const idle = AbortSignal.any([stopping.signal, AbortSignal.timeout(idleMs)])
        const block = await read(await readQuestion(reader, idle))
        const sending = AbortSignal.any([
          stopping.signal,
          AbortSignal.timeout(p2pLimits.blockTimeoutMs),
        ])
        stream.send(u32be(block?.length ?? absent))
        if (block !== undefined) await sendAll(stream, block, sending)
      }
    } catch (error) {
      stream.abort(error as Error) // the asking side closes by ending the stream
    }
  }

  await libp2p.handle(blockProtocol, answer, { maxInboundStreams: 8 })
  return async () => {
    stopping.abort(new AppError({ code: 'STOPPED' }))
    await libp2p.unhandle(blockProtocol)
  }
}

async function readQuestion(reader: StreamReader, signal: AbortSignal): Promise<CID> {
  const [length = 0] = await reader.read(1, signal)
  if (length === 0 || length > cidBytesMax) throw new AppError({ code: 'BLOCK_QUESTION_INVALID' })
  return CID.decode(await reader.read(length, signal))
}

/** One peer's stream of blocks. */
export interface BlockSource {
  /** The block as the peer sent it, not verified; nothing when the peer has none. Throws PEER_…. */
  fetch(cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Questions that wait for an answer or for credit. */
  pending(): number
  close(): void
}

interface Question {
  readonly cid: CID
  readonly resolve: (block: Uint8Array | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Asks one peer for blocks, `blockCreditMax` at a time over one stream, opened when needed. */
export function createBlockSource(libp2p: Libp2p, peerId: string): BlockSource {
  const waiting: Question[] = []
  const asked: Question[] = []
  let stream: Stream | undefined
  let opening: Promise<void> | undefined

  async function open(): Promise<void> {
    const signal = AbortSignal.timeout(p2pLimits.dialTimeoutMs)
    const opened = await libp2p.dialProtocol(peerIdFromString(peerId), blockProtocol, { signal })
    stream = opened
    const heldBytesMax = p2pLimits.blockCreditMax * (p2pLimits.blockBytesMax + 4)
    void receive(opened, createReader(opened, heldBytesMax)).catch((error: unknown) => {
      opened.abort(error as Error)
      fail(error)
    })
  }

  async function receive(from: Stream, reader: StreamReader): Promise<void> {
    while (stream === from) {
      const idle = AbortSignal.timeout(asked.length > 0 ? p2pLimits.blockTimeoutMs : idleMs)
      const header = await reader.read(4, idle)
      const question = asked[0]
      const sizeBytes = new DataView(header.buffer).getUint32(0)
      const isExpected = sizeBytes === absent || sizeBytes <= p2pLimits.blockBytesMax
      if (question === undefined || !isExpected) throw new AppError({ code: 'PEER_BROKE_PROTOCOL' })
      const limit = AbortSignal.timeout(p2pLimits.blockTimeoutMs)
      const block = sizeBytes === absent ? undefined : await reader.read(sizeBytes, limit)
      asked.shift()
      ask()
      question.resolve(block)
    }
  }

  function ask(): void {
    while (stream !== undefined && asked.length < p2pLimits.blockCreditMax) {
      const question = waiting.shift()
      if (question === undefined) return
      asked.push(question)
      stream.send(concatBytes(Uint8Array.of(question.cid.bytes.length), question.cid.bytes))
    }
  }

  function fail(cause: unknown): void {
    stream = undefined
    opening = undefined
    const error = new AppError({ code: 'PEER_UNREACHABLE', peerId, retryable: true }, { cause })
    for (const question of [...asked.splice(0), ...waiting.splice(0)]) question.reject(error)
  }

  async function fetch(cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
    const question = { cid, resolve, reject }
    // An answer to a question already asked still comes; it is read and thrown away.
    const onAbort = () => {
      const place = waiting.indexOf(question)
      if (place >= 0) waiting.splice(place, 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    waiting.push(question)
    opening ??= open()
    opening.then(ask).catch(fail)
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    fetch,
    pending: () => waiting.length + asked.length,
    close() {
      stream?.abort(new AppError({ code: 'STOPPED' }))
      fail(new AppError({ code: 'STOPPED' }))
    },
  }
}
