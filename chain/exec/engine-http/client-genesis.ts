import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import { fromKey, toKey } from '#store/key.ts'
import { createChainCommon } from '../embedded/chain-common.ts'
import { loadCrypto } from '../embedded/crypto.ts'
import { buildGenesis } from '../embedded/genesis-state.ts'
import { wordOf } from '../embedded/state-view.ts'

/** Throws ENGINE_RECORDER where each block of a chain begins with a call that no client makes. */
export function refuseRecorder({ recorder }: Pick<Genesis, 'recorder'>): void {
  if (recorder === undefined) return
  const message = 'the genesis has a recorder, whose call in each block no execution client makes'
  throw new AppError({ code: 'ENGINE_RECORDER', address: recorder.address, message })
}

/** The rules of Prague from the first block on; merged before it. */
const forks = {
  ...Object.fromEntries(
    [
      'homestead eip150 eip155 eip158 byzantium constantinople petersburg istanbul berlin london',
      'mergeNetsplit',
    ]
      .join(' ')
      .split(' ')
      .map((name) => [`${name}Block`, 0]),
  ),
  shanghaiTime: 0,
  cancunTime: 0,
  pragueTime: 0,
  terminalTotalDifficulty: 0,
  terminalTotalDifficultyPassed: true,
}

/**
 * A genesis in the form that execution clients share (`geth init`), with the state that ours gives. Throws
 * ENGINE_RECORDER, as `openWitnessedEngine`.
 */
export async function clientGenesisOf(genesis: Genesis): Promise<object> {
  refuseRecorder(genesis)
  const crypto = await loadCrypto()
  const common = createChainCommon(genesis.chainId, crypto)
  const { payload, changes } = await buildGenesis(genesis, { common, crypto })
  const { header } = payload
  const alloc = [...changes.accounts].map(([address, account]) => {
    const code = account && changes.codes.get(toKey(account.codeHash))
    const slots = [...(changes.slots.get(address) ?? [])].map(([slot, word]) => [
      toHex(fromKey(slot)),
      wordOf(word),
    ])
    const entry = {
      balance: `0x${(account?.balance ?? 0n).toString(16)}`,
      nonce: `0x${(account?.nonce ?? 0n).toString(16)}`,
      code: toHex(code ?? new Uint8Array()),
      storage: Object.fromEntries(slots) as object,
    }
    return [toHex(fromKey(address)), entry]
  })
  return {
    config: { chainId: genesis.chainId, ...forks },
    nonce: '0x0000000000000000',
    timestamp: `0x${header.timestamp.toString(16)}`,
    extraData: header.extraData,
    gasLimit: `0x${header.gasLimit.toString(16)}`,
    difficulty: '0x0',
    mixHash: header.prevRandao,
    coinbase: header.feeRecipient,
    baseFeePerGas: `0x${header.baseFeePerGas.toString(16)}`,
    alloc: Object.fromEntries(alloc) as object,
  }
}
