/** The thread of a node's peer: sockets, ciphers and gossip, apart from the timers of consensus. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '#base/assert.ts'
import { type NetworkOptions, createNetwork } from '#p2p/node.ts'
import { serveNetwork } from '#p2p/thread/serving.ts'
import { realRng } from './real-chance.ts'
import { realClock } from './real-clock.ts'

assert(parentPort, 'this file is run as a thread')
serveNetwork(parentPort, (log) =>
  createNetwork({ clock: realClock, rng: realRng, log }, workerData as NetworkOptions),
)
