/** Hardhat's own node in a process, mining each second. Prints its port. */
import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import { benchGasLimit } from './genesis.ts'

const hre = await createHardhatRuntimeEnvironment({})
const server = await hre.network.createServer(
  {
    network: 'default',
    override: {
      chainId: 31_337,
      hardfork: 'osaka',
      mining: { auto: false, interval: 1000 },
      blockGasLimit: BigInt(benchGasLimit),
      initialBaseFeePerGas: 1_000_000_000n,
      loggingEnabled: false,
    },
  },
  '127.0.0.1',
)
const { port } = await server.listen()
console.log(port)
