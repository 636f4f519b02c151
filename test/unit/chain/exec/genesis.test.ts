import { getAddress } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { keccak256 } from '#base/crypto/keys.ts'
import { codeOf } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { developmentAddresses } from '#chain/core/development.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import { predeploys } from '#chain/exec/embedded/predeploys.ts'
import { developmentGenesis } from '#chain/node/development.ts'
import { createMemoryStore } from '#store/memory.ts'
import { toKey } from '#store/key.ts'
import { beaconAbi } from '#wire/abi/beacon.ts'
import { governanceAbi } from '#wire/abi/governance.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { stakingAbi } from '#wire/abi/staking.ts'
import { trainTokenAbi } from '#wire/abi/trainToken.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { samples } from '../samples.ts'
import { callerOf, createWorld, devMnemonic, failureOf, testGenesis } from './world.ts'

describe('buildGenesis', () => {
  test('gives one hash for one genesis, and another for another', async () => {
    const hashes = await Promise.all(
      [developmentGenesis(), developmentGenesis(), developmentGenesis({ stakeMinGwei: 5n })].map(
        async (genesis) => (await createWorld({ genesis })).engine.chain.genesisHash,
      ),
    )
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[0]).not.toBe(hashes[2])
  })

  test('puts the market at its addresses, with what its constructors fixed', async () => {
    const { engine } = await createWorld({ genesis: developmentGenesis() })
    const head = engine.chain.head()
    const { read } = callerOf(engine)
    const holder = developmentAddresses[0] ?? '0x'
    expect(await read(systemAddresses.TrainToken, trainTokenAbi, 'balanceOf', [holder])).toBe(
      10n ** 24n,
    )
    expect(await read(systemAddresses.TrainToken, trainTokenAbi, 'totalSupply')).toBe(
      32n * 10n ** 24n,
    )
    expect(await read(systemAddresses.Staking, stakingAbi, 'token')).toBe(
      getAddress(systemAddresses.TrainToken),
    )
    expect(await read(systemAddresses.Governance, governanceAbi, 'timelock')).toBe(
      getAddress(systemAddresses.Timelock),
    )
    expect(await read(systemAddresses.JobManager, jobManagerAbi, 'openJobs')).toBe(0n)
    const view = engine.chain.stateAfter(head.blockHash)
    expect(view?.account(toKey(fromHex(systemAddresses.TrainToken)))?.balance).toBe(
      32n * 10n ** 24n,
    )
  })

  test('funds the accounts of the test mnemonic', async () => {
    const { engine } = await createWorld({ genesis: developmentGenesis() })
    const view = engine.chain.stateAfter(engine.chain.genesisHash)
    for (const [addressIndex, address] of developmentAddresses.entries()) {
      expect(mnemonicToAccount(devMnemonic, { addressIndex }).address.toLowerCase()).toBe(address)
      expect(view?.account(toKey(fromHex(address)))?.balance).toBe(10n ** 24n)
    }
    expect(developmentAddresses.length).toBeGreaterThanOrEqual(20)
  })

  test('records the beacon of each block', async () => {
    const world = await createWorld({ genesis: developmentGenesis() })
    const prevRandao = `0x${'5a'.repeat(32)}` as const
    await world.mine([], { prevRandao })
    const { read } = callerOf(world.engine)
    expect(await read(systemAddresses.Beacon, beaconAbi, 'seed', [1n])).toBe(prevRandao)
  })

  test('keeps the usual deployment proxy, whose code has its known hash', async () => {
    const { address, code } = predeploys.deployer
    const { engine } = await createWorld({ genesis: developmentGenesis() })
    const view = engine.chain.stateAfter(engine.chain.genesisHash)
    expect(address).toBe('0x4e59b44847b379578588920ca78fbf26c0b4956c')
    expect(toHex(keccak256(fromHex(code)))).toBe(
      '0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989',
    )
    expect(toHex(view?.account(toKey(fromHex(address)))?.codeHash ?? new Uint8Array())).toBe(
      toHex(keccak256(fromHex(code))),
    )
  })

  test('GENESIS_FAILED: a constructor that reverts', async () => {
    const { Token } = samples()
    const address = `0x${'51'.repeat(20)}` as const
    const contracts = [{ name: 'Token', address, initCode: Token.bytecode }] // its argument is missing
    const failure = await createWorld({ genesis: testGenesis({ contracts }) }).catch(codeOf)
    expect(failure).toBe('GENESIS_FAILED')
  })

  test('GENESIS_MISMATCH: a store that holds another chain', async () => {
    const store = createMemoryStore()
    await createWorld({ store })
    const failure = await createWorld({ store, genesis: testGenesis({ timestamp: 5 }) }).catch(
      codeOf,
    )
    expect(failure).toBe('GENESIS_MISMATCH')
  })
})

describe('parseGenesis', () => {
  test('DEVELOPMENT_KEYS: an account of the test mnemonic on any other chain', () => {
    expect(failureOf(() => parseGenesis({ ...testGenesis(), chainId: 78788 }))).toBe(
      'DEVELOPMENT_KEYS',
    )
    expect(parseGenesis({ ...testGenesis(), chainId: 78788, accounts: [] }).chainId).toBe(78788)
  })

  test('GENESIS_INVALID: a gas limit below any use', () => {
    expect(failureOf(() => parseGenesis({ ...testGenesis(), gasLimit: 1 }))).toBe('GENESIS_INVALID')
  })
})
