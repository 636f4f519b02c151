import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import { type Hex, toHex } from '#base/hex.ts'
import { accounts, feeRecipient } from './world.ts'

/** Another implementation of the same rules: Hardhat's own, written in Rust, with the genesis of `testGenesis`. */
export async function connectHardhat() {
  const hre = await createHardhatRuntimeEnvironment({})
  return hre.network.create({
    network: 'default',
    override: {
      chainId: 78787,
      hardfork: 'osaka',
      mining: { auto: false, interval: 0 },
      blockGasLimit: 30_000_000n,
      coinbase: feeRecipient,
      accounts: accounts.map((_, i) => ({ privateKey: keyOf(i), balance: String(10n ** 24n) })),
      allowUnlimitedContractSize: false,
      initialBaseFeePerGas: 1_000_000_000n,
    },
  })
}

function keyOf(index: number): Hex {
  const account = accounts[index] as unknown as { getHdKey(): { privateKey: Uint8Array } }
  return toHex(account.getHdKey().privateKey)
}
