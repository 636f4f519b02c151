import { fromHex, toHex } from '#base/hex.ts'
import { workRules } from '#chain/core/work-rules.ts'
import type { RpcContext, RpcMethods } from '../context.ts'
import { bytes, hexQuantity, parse } from '../params.ts'

/** As long as there are units, a block that names one comes at least so often. */
const drawHeightsMax = 2 * workRules.powEveryMax

/** The newest block that names a unit of work, if that is not long ago. */
function newestDraw({ chain, consensus }: RpcContext) {
  const newest = chain.finalised().header.number
  for (let at = newest; at > Math.max(0, newest - drawHeightsMax); at -= 1) {
    const { work, mode, modelHash } = consensus.get(at)?.block ?? {}
    if (work !== undefined) return { height: at, mode, jobId: work.jobId, modelHash }
  }
  return null
}

/** The node itself: identity and status. */
export function networkMethods(context: RpcContext): RpcMethods {
  const { chain, chainId, live } = context
  return {
    eth_chainId: () => hexQuantity(chainId),
    eth_syncing: () => false,
    eth_accounts: () => [],
    eth_mining: () => false,
    eth_hashrate: () => '0x0',
    eth_protocolVersion: () => '0x44',
    net_version: () => String(chainId),
    net_listening: () => true,
    net_peerCount: () => '0x0',
    web3_clientVersion: () => context.clientVersion,
    web3_sha3: (params) => toHex(context.keccak256(fromHex(parse(params, bytes)[0]))),
    txpool_status: async () => ({
      pending: hexQuantity((await live.status()).waitingTransactions),
      queued: '0x0',
    }),
    async quern_status() {
      const status = await live.status()
      const { blockHash, header } = chain.head()
      return {
        chainId,
        genesisHash: chain.genesisHash,
        head: { number: header.number, hash: blockHash, timestamp: header.timestamp },
        finalized: { number: chain.finalised().header.number, hash: chain.finalised().blockHash },
        newestDraw: newestDraw(context),
        ...status,
      }
    },
  }
}
