import { mkdtemp, rm } from 'node:fs/promises'
import { type Server, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import { createChainNode } from '#chain/node/node.ts'
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
    changes: { port?: number; genesis?: GenesisInput; validatorKey?: Uint8Array } = {},
  ) {
    const options = { dataDir, port: 0, genesis: testGenesis(), validatorKey: ownKey, ...changes }
    return createChainNode({ clock: createFakeClock(), logger: noopLogger }, options)
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
})
