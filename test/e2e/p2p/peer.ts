import { createHash } from 'node:crypto'
import { createRng } from '#base/rng.ts'
import { realClock } from '#cli/real-clock.ts'
import { createArtifacts } from '#p2p/artifacts.ts'
import { createJobTopics } from '#p2p/job-topic.ts'
import { createNetwork } from '#p2p/node.ts'
import type { PeerCall, PeerCalls, PeerSetup } from './remote.ts'

/** One peer in a process of its own; its parent calls it over IPC and ends it by disconnecting. */
const setup = JSON.parse(process.argv[2] as string) as PeerSetup
const chainId = 78787

const network = await createNetwork(
  { clock: realClock, rng: createRng(process.pid) },
  { keyPath: `${setup.directory}/peer.key`, bootstrap: setup.bootstrap },
)
const artifacts = createArtifacts(network, { directory: setup.directory })
const topics = createJobTopics({ network, clock: realClock }, { chainId })
await network.start()
await artifacts.start()
await topics.start()
const topic = await topics.open(setup.jobId, {
  directory: `${setup.directory}/job`,
  isMember: (peerId) => !setup.strangers.includes(peerId),
})

const calls: PeerCalls = {
  describe: async () => ({ peerId: network.peerId, address: network.addresses[0] as string }),
  add: async ({ sizeBytes, seed }) => {
    const rng = createRng(seed)
    const words = new Uint32Array(sizeBytes / 4).map(() => rng.nextU32())
    const bytes = new Uint8Array(words.buffer)
    return { cid: await artifacts.add(bytes, { owner: 'job' }), digest: digestOf(bytes) }
  },
  get: async ({ cid, providers }) =>
    digestOf(await artifacts.get(cid, { providers, owner: 'job' })),
  append: async ({ text }) => (await topic.append(new TextEncoder().encode(text))).sequence,
  entries: async () =>
    topic.entries().map((entry) => ({ ...entry, body: new TextDecoder().decode(entry.body) })),
  block: async ({ durationMs }) => {
    for (const end = Date.now() + durationMs; Date.now() < end;) Math.sqrt(2)
  },
  peers: async () => ({ connected: network.peers().length, inTopic: topic.peers().length }),
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function answer({ id, name, argument }: PeerCall): Promise<void> {
  try {
    const call = calls[name] as (given: unknown) => Promise<unknown>
    process.send?.({ id, result: await call(argument) })
  } catch (error) {
    process.send?.({ id, error: String(error) })
  }
}

process.on('message', (message) => void answer(message as PeerCall))
process.once('disconnect', () => {
  // Nothing below forces the exit: a stopped peer leaves no timer and no socket behind.
  void topics.stop().then(artifacts.stop).then(network.stop)
})
process.send?.({ id: 0, result: 'ready' })
