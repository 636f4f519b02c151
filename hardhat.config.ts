import { fileURLToPath } from 'node:url'
import hardhatToolboxViem from '@nomicfoundation/hardhat-toolbox-viem'
import { defineConfig } from 'hardhat/config'

const compiler = {
  version: '0.8.37',
  path: fileURLToPath(import.meta.resolve('solc/soljson.js')),
  settings: { evmVersion: 'cancun', optimizer: { enabled: true, runs: 200 } },
}

export default defineConfig({
  plugins: [hardhatToolboxViem],
  solidity: { profiles: { default: compiler, production: compiler } },
  paths: {
    sources: './contracts',
    tests: { solidity: './test/contracts', nodejs: './test/contracts' },
    artifacts: './artifacts',
    cache: './cache',
  },
})
