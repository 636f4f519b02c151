import { AppError } from '#base/error.ts'
import type { ConsensusNetwork } from './gossip.ts'

/** The network of a node that is alone: nobody hears, nobody answers. */
export const silentNetwork: ConsensusNetwork = {
  peerId: '',
  peers: () => [],
  drop: () => undefined,
  openTopic: async (name) => ({
    name,
    publish: async () => undefined,
    peers: () => [],
    onJoin: () => () => undefined,
    close: async () => undefined,
  }),
  handle: async () => async () => undefined,
  request: (peerId) => Promise.reject(new AppError({ code: 'PEER_UNREACHABLE', peerId })),
}
