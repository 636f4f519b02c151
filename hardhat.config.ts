import { fileURLToPath } from 'node:url'
import hardhatToolboxViem from '@nomicfoundation/hardhat-toolbox-viem'
import { defineConfig } from 'hardhat/config'
import { systemAddresses } from './wire/addresses.ts'

const settings = {
  evmVersion: 'cancun',
  optimizer: { enabled: true, runs: 2000 },
  metadata: { bytecodeHash: 'none' }, // a comment changes no bytecode
}
const solc = { version: '0.8.37', path: fileURLToPath(import.meta.resolve('solc/soljson.js')) }
const deployed = { ...solc, settings: { ...settings, viaIR: true } }

// Those of the genesis, and those that settle disputes.
const contracts = [...Object.keys(systemAddresses), 'OpVerifier', 'DisputeGame']

// The long run turns the dice a hundred times as often, and on code made as the deployed code is, which takes the
// compiler several times as long; the seed makes each failure come again.
const isLong = process.env.QUERN_LONG === '1'
const compiler = isLong ? deployed : { ...solc, settings }
const build = {
  compilers: [compiler],
  overrides: Object.fromEntries(contracts.map((name) => [`contracts/${name}.sol`, deployed])),
}

export default defineConfig({
  plugins: [hardhatToolboxViem],
  solidity: { profiles: { default: build, production: build } },
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
