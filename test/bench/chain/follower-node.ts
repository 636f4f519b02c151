/** `follower-node.ts <directory> <peer address…>`: a node without a key that follows. Prints its port. */
import { createChainNode } from '#chain/node/node.ts'
import { errorLogger, foundedGenesis, realClock, startPeer } from './real-parts.ts'

const [, , dataDir = '', ...bootstrap] = process.argv
const node = createChainNode(
  { clock: realClock, logger: errorLogger },
  {
    dataDir,
    port: 0,
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
