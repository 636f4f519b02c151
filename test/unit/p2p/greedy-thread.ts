import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '#base/assert.ts'
import { noopLogger } from '#base/log.ts'
import { realRng } from '#cli/real-chance.ts'
import { realClock } from '#cli/real-clock.ts'
import { type Libp2pNetwork, type NetworkOptions, createNetwork } from '#p2p/node.ts'
import { serveNetwork } from '#p2p/thread/serving.ts'

// A peer's thread that takes all the memory it may have when it is told to dial.
assert(parentPort, 'this file is run as a thread')
serveNetwork(parentPort, async () => {
  const deps = { clock: realClock, rng: realRng, log: noopLogger }
  const network = await createNetwork(deps, workerData as NetworkOptions)
  return Object.create(network, { dial: { value: takeAll } }) as Libp2pNetwork
})

async function takeAll(): Promise<string> {
  const taken: number[][] = []
  while (taken.length < 100) taken.push(Array<number>(16_000_000).fill(0.5))
  return String(taken.length)
}
