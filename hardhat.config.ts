import { fileURLToPath } from 'node:url'
import hardhatToolboxViem from '@nomicfoundation/hardhat-toolbox-viem'
import { defineConfig } from 'hardhat/config'

const compiler = {
  version: '0.8.37',
  path: fileURLToPath(import.meta.resolve('solc/soljson.js')),
  settings: {
    evmVersion: 'cancun',
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: 'none' }, // a comment changes no bytecode
  },
}

// The long run turns the dice a hundred times as often; the seed makes each failure come again.
const isLong = process.env.QUERN_LONG === '1'

export default defineConfig({
  plugins: [hardhatToolboxViem],
  solidity: { profiles: { default: compiler, production: compiler } },
  test: {
    solidity: {
      fuzz: { runs: isLong ? 5_000 : 48, seed: '0x5175657265' },
      invariant: { runs: isLong ? 200 : 8, depth: isLong ? 500 : 120 },
    },
  },
  paths: {
    sources: './contracts',
    tests: { solidity: './test/contracts', nodejs: './test/contracts' },
    artifacts: './artifacts',
    cache: './cache',
  },
})
