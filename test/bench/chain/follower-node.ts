/**
 * `follower-node.ts <directory> [--trust <hash>] <peer address…>`: a node without a key that follows, from a
 * snapshot where it trusts a hash. Prints its port.
 */
import { parseArgs } from 'node:util'
import type { Hex } from '#base/hex.ts'
import { createChainNode } from '#chain/node/node.ts'
import { errorLogger, foundedGenesis, realClock, startPeer } from './real-parts.ts'

const { values, positionals } = parseArgs({
  options: { trust: { type: 'string' } },
  allowPositionals: true,
})
const [dataDir = '', ...bootstrap] = positionals
const node = createChainNode(
  { clock: realClock, logger: errorLogger },
  {
    dataDir,
    port: 0,
    trust: values.trust as Hex | undefined,
    genesis: await foundedGenesis(),
    network: await startPeer(bootstrap),
    onFailure: (error) => {
      console.error(error)
      process.exit(1)
    },
  },
)
await node.start()
console.log(node.port())
