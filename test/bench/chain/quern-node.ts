/** `quern-node.ts <directory>`: a validator alone. Prints its port. */
import { createChainNode } from '#chain/node/node.ts'
import { benchGenesis, benchValidatorKey } from './genesis.ts'
import { errorLogger, realClock } from './real-parts.ts'

const [, , dataDir = ''] = process.argv
const node = createChainNode(
  { clock: realClock, logger: errorLogger },
  {
    dataDir,
    port: 0,
    genesis: benchGenesis(),
    validatorKey: benchValidatorKey(0),
    onFailure: (error) => {
      console.error(error)
      process.exit(1)
    },
  },
)
process.once('SIGTERM', () => {
  node.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
await node.start()
console.log(node.port())
