import { mkdtemp, rm } from 'node:fs/promises'
import { type Server, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeClock, createFakeClock } from '#base/clock.ts'
import { createBlstScheme } from '#base/crypto/bls/blst.ts'
import { codeOf } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import type { GenesisInput, GenesisValidator } from '#chain/core/genesis.ts'
import { founderOf, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { createChainNode } from '#chain/node/node.ts'
import { call } from '#test/e2e/chain-process.ts'
import { testGenesis } from '../exec/world.ts'

/** The first key of the public test mnemonic. */
const developmentKey = Buffer.from(
  'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  'hex',
)
const ownKey = new Uint8Array(32).fill(7)

describe('createChainNode', () => {
  let dataDir = ''
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'quern-node-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  function create(
    changes: {
      port?: number
      genesis?: GenesisInput
      validatorKey?: Uint8Array | undefined
      clock?: FakeClock
    } = {},
  ) {
    const { clock = createFakeClock(), ...rest } = changes
    const options = { dataDir, port: 0, genesis: testGenesis(), validatorKey: ownKey, ...rest }
    return createChainNode({ clock, logger: noopLogger }, options)
  }

  test('listens on a free port, stops, and starts again on the same directory', async () => {
    const node = create()
    await node.start()
    expect(node.port()).toBeGreaterThan(0)
    await node.stop()
    await node.stop()
    const again = create()
    await again.start()
    await again.stop()
  })

  test('PORT_TAKEN: leaves the directory free', async () => {
    const holder: Server = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as AddressInfo
    expect(await create({ port }).start().catch(codeOf)).toBe('PORT_TAKEN')
    const node = create()
    await node.start()
    await node.stop()
    await new Promise((resolve) => holder.close(resolve))
  })

  test('STORE_LOCKED: a directory that a running node holds', async () => {
    const node = create()
    await node.start()
    expect(await create().start().catch(codeOf)).toBe('STORE_LOCKED')
    await node.stop()
  })

  test('DEVELOPMENT_KEYS: a validator key of the test mnemonic on any other chain', async () => {
    const genesis = testGenesis({ chainId: 78788, accounts: [] })
    const refused = create({ genesis, validatorKey: developmentKey })
    expect(await refused.start().catch(codeOf)).toBe('DEVELOPMENT_KEYS')
    const accepted = create({ genesis })
    await accepted.start()
    await accepted.stop()
  })

  test('POSSESSION_FALSE, VALIDATOR_TWICE, VALIDATORS_MISSING: who may found a chain', async () => {
    const [one, two] = [founder(ownKey), founder(new Uint8Array(32).fill(8))]
    const start = (validators: readonly GenesisValidator[]) =>
      create({ genesis: testGenesis({ validators: [...validators] }) })
        .start()
        .catch(codeOf)
    expect(await start([one, { ...two, possession: one.possession }])).toBe('POSSESSION_FALSE')
    expect(await start([one, two, one])).toBe('VALIDATOR_TWICE')
    const nobody = create({ validatorKey: undefined })
    expect(await nobody.start().catch(codeOf)).toBe('VALIDATORS_MISSING')
  })

  test('GENESIS_MISMATCH: a directory whose chain other validators began', async () => {
    const validators = [founder(ownKey)]
    const clock = createFakeClock(1_700_000_100_000)
    const node = create({ genesis: testGenesis({ validators }), clock })
    await node.start()
    await until(clock, async () => (await finalHeight(node.port())) > 0)
    await node.stop()
    const weighty = [{ ...validators[0], weight: 2 } as GenesisValidator]
    const other = create({ genesis: testGenesis({ validators: weighty }), clock })
    expect(await other.start().catch(codeOf)).toBe('GENESIS_MISMATCH')
    const same = create({ genesis: testGenesis({ validators }), clock })
    await same.start()
    await same.stop()
  })
})

const scheme = createBlstScheme()
const founder = (privateKey: Uint8Array) => founderOf(scheme, validatorKeyOf(privateKey), 78787)

async function finalHeight(port: number): Promise<number> {
  const { result } = await call(`http://127.0.0.1:${port}`, 'eth_blockNumber')
  return Number(result)
}

async function until(clock: FakeClock, isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (await isSo()) return
    await clock.advance(1_000)
  }
  throw new Error('it never was so')
}
