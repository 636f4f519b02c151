import { withBitswap } from '@helia/bitswap'
import type { AbortOptions, Libp2p } from '@libp2p/interface'
import { peerIdFromCID, peerIdFromString } from '@libp2p/peer-id'
import { type BlockBroker, createHeliaLight, type Helia, type Router } from 'helia'
import { createUnsafe } from 'multiformats/block'
import type { CID } from 'multiformats/cid'
import type { Logger } from '#base/log.ts'
import { createPullBroker } from './block-broker.ts'
import type { BlockStore } from './block-store.ts'
import type { Fetching } from './puller.ts'

/**
 * Helia over the network's own node: no public bootstrap peers, no UPnP, no mDNS, no gateways. Bitswap
 * serves, and fetches what the pull protocol finds with nobody.
 */
export function composeHelia(libp2p: Libp2p, store: BlockStore, log: Logger): Helia {
  const broker = createPullBroker(libp2p, log)
  const helia = createHeliaLight({
    blockstore: store.blockstore,
    blockBrokers: [broker],
    routers: [staticRouter(libp2p)],
  })
  const withNode = Object.assign(helia, {
    libp2p,
    // Bitswap arrives through its mixin. As a second broker it would race the first for every block.
    addBlockBroker: (added: BlockBroker) => broker.setFallback(added),
  })
  return withBitswap(withNode as unknown as Parameters<typeof withBitswap>[0])
}

/**
 * Names the providers that a fetch was given, and ends. Without any router of its own Helia waits for
 * providers forever.
 */
function staticRouter(libp2p: Libp2p): Router {
  async function find(id: ReturnType<typeof peerIdFromString>) {
    const { addresses } = await libp2p.peerStore.get(id)
    return {
      id: id.toCID(),
      multiaddrs: addresses.map(({ multiaddr }) => multiaddr),
      router: 'quern-static',
    }
  }

  return {
    name: 'quern-static',
    async *findProviders(_cid: CID, options?: AbortOptions & { fetching?: Fetching }) {
      for (const peerId of options?.fetching?.providers ?? []) {
        const found = await find(peerIdFromString(peerId)).catch(() => undefined)
        if (found !== undefined) yield { ...found, fallback: false }
      }
    },
    findPeer: (id: CID) => find(peerIdFromCID(id)),
  }
}

/** The blocks that a block links to. Throws when the codec is not one of UnixFS. */
export async function linksOf(helia: Helia, cid: CID, bytes: Uint8Array): Promise<CID[]> {
  const codec = await helia.getCodec(cid.code)
  const block = createUnsafe({ bytes, cid, codec })
  return [...block.links()].map(([, link]) => link)
}
