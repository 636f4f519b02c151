import { Worker } from 'node:worker_threads'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Network } from '#p2p/network.ts'
import type { NetworkOptions } from '#p2p/node.ts'
import { type ThreadedNetwork, createThreadedNetwork } from '#p2p/thread/network.ts'

export interface PeerThreadOptions extends Omit<NetworkOptions, 'scoreOf'> {
  readonly log: Logger
  /** Called where the thread ends by itself: a node without its peer is none. */
  readonly onFailure: (error: unknown) => void
}

const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 24 }
const threadFile = new URL('./peer-thread-main.ts', import.meta.url)

/** A peer in a thread of its own, which ends with `stop`. Throws as `createNetwork`, and NETWORK_ENDED. */
export async function createPeerThread(
  options: PeerThreadOptions,
  file = threadFile,
): Promise<Network> {
  const { log, onFailure, ...place } = options
  const worker = new Worker(file, { workerData: place, resourceLimits })
  const ended = endOf(worker)
  let isStopping = false

  async function fail(network: Pick<ThreadedNetwork, 'end'>): Promise<void> {
    const error = await ended
    network.end(error)
    if (!isStopping) onFailure(error)
  }

  async function stop(network: Network): Promise<void> {
    isStopping = true
    await network.stop().catch(() => undefined) // it has ended by itself
    await worker.terminate()
  }

  try {
    const lost = ended.then((error) => Promise.reject(error))
    const network = await Promise.race([createThreadedNetwork(worker, log), lost])
    void fail(network)
    return {
      ...network,
      get addresses() {
        return network.addresses
      },
      stop: () => stop(network),
    }
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

/** Resolves when the thread has ended, with why. */
function endOf(worker: Worker): Promise<AppError> {
  let fault: unknown
  worker.on('error', (error) => (fault = error))
  return new Promise((resolve) => {
    worker.once('exit', () => {
      resolve(new AppError({ code: 'NETWORK_ENDED' }, { cause: fault }))
    })
  })
}
