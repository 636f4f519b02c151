import type { Peer, PeerOptions, PeerReply, PeerRequest, EngineName, Work } from './peer.ts'

/** The process of one engine: prepares one task at a time and runs it when asked. */

const reasonLengthMax = 400

let peer: Peer | undefined
let work: Work | undefined
let queue = Promise.resolve()

process.on('disconnect', () => process.exit(0))
process.on('message', (request: PeerRequest) => {
  queue = queue.then(() => answer(request))
})

async function answer(request: PeerRequest): Promise<void> {
  try {
    send(await perform(request))
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    send({ kind: 'failed', reason: text.split('\n')[0]?.slice(0, reasonLengthMax) ?? 'unknown' })
  }
}

async function perform(request: PeerRequest): Promise<PeerReply> {
  switch (request.kind) {
    case 'start':
      peer = await load(request.engine, request.options)
      return { kind: 'started', version: peer.version }
    case 'open':
      work = await peer?.open(request.task)
      await work?.run()
      await work?.run()
      return { kind: 'opened', figures: work?.figures ?? {} }
    case 'run':
      return runFor(request.ms)
    case 'close':
      await work?.close()
      work = undefined
      return { kind: 'closed' }
  }
}

async function runFor(ms: number): Promise<PeerReply> {
  const start = performance.now()
  let count = 0
  let bestMs = Infinity
  for (let now = start; count === 0 || now - start < ms; count += 1) {
    const before = now
    await work?.run()
    now = performance.now()
    bestMs = Math.min(bestMs, now - before)
  }
  return { kind: 'ran', count, ms: performance.now() - start, bestMs }
}

async function load(engine: EngineName, options: PeerOptions): Promise<Peer> {
  switch (engine) {
    case 'exact':
      return (await import('./exact.ts')).createPeer(options)
    case 'onnxruntime-node':
    case 'onnxruntime-web':
      return (await import('./onnxruntime.ts')).createPeer(engine, options)
    case 'tfjs-wasm':
      return (await import('./tfjs.ts')).createPeer(options)
  }
}

function send(reply: PeerReply): void {
  process.send?.(reply)
}
