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
/** Shorter than the serving side's, so that no question meets a stream that is being closed. */
const unusedMs = 30_000
const askedMs = p2pLimits.blockTimeoutMs

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
  let opening: Promise<Stream> | undefined

  async function open(): Promise<Stream> {
    const signal = AbortSignal.timeout(p2pLimits.dialTimeoutMs)
    const stream = await libp2p.dialProtocol(peerIdFromString(peerId), blockProtocol, { signal })
    const heldBytesMax = p2pLimits.blockCreditMax * (p2pLimits.blockBytesMax + 4)
    receive(stream, createReader(stream, heldBytesMax)).catch((error: unknown) => {
      stream.abort(error as Error)
      fail(error)
    })
    return stream
  }

  async function receive(from: Stream, reader: StreamReader): Promise<void> {
    for (;;) {
      const block = await readAnswer(reader, () => asked.length > 0)
      const question = asked.shift()
      if (question === undefined) throw new AppError({ code: 'PEER_BROKE_PROTOCOL', peerId })
      ask(from)
      question.resolve(block)
    }
  }

  function ask(to: Stream): void {
    const credit = p2pLimits.blockCreditMax - asked.length
    for (const question of waiting.splice(0, credit)) {
      asked.push(question)
      to.send(concatBytes(Uint8Array.of(question.cid.bytes.length), question.cid.bytes))
    }
  }

  function fail(cause: unknown): void {
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
      if (waiting.includes(question)) waiting.splice(waiting.indexOf(question), 1)
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
      const stopped = new AppError({ code: 'STOPPED' })
      opening?.then((stream) => stream.abort(stopped)).catch(() => undefined)
      fail(stopped)
    },
  }
}

/** The next block, or nothing when the peer has none. Waits long only while no question is open. */
async function readAnswer(
  reader: StreamReader,
  isAsked: () => boolean,
): Promise<Uint8Array | undefined> {
  const header = await reader.read(4, AbortSignal.timeout(isAsked() ? askedMs : unusedMs))
  const sizeBytes = new DataView(header.buffer).getUint32(0)
  if (sizeBytes === absent) return undefined
  if (sizeBytes > p2pLimits.blockBytesMax)
    throw new AppError({ code: 'BLOCK_TOO_LARGE', sizeBytes })
  return reader.read(sizeBytes, AbortSignal.timeout(askedMs))
}
