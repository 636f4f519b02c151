import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Clock } from '#base/clock.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { noopLogger } from '#base/log.ts'
import { validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { createChainNode } from '#chain/node/node.ts'
import { tellParent } from '#cli/children.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { peerKeyFileName, readGenesisFile } from '#cli/genesis-file.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { realRng } from '#cli/real-chance.ts'
import { realClock } from '#cli/real-clock.ts'
import { createNetwork } from '#p2p/node.ts'
import { devChainId } from '#wire/addresses.ts'
import type { FaultOrder } from './faulty-validators.ts'
import { startFlood } from './flood.ts'
import { type LieKind, createLyingNetwork } from './lying-network.ts'

// A validator whose faults its parent process switches on and off: see `FaultOrder`.
const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: '' },
    validator: { type: 'string' },
    port: { type: 'string', default: '0' },
    bootstrap: { type: 'string', multiple: true, default: [] },
  },
})
const dataDir = values['data-dir']
const genesis = readGenesisFile(dataDir)
if (genesis === undefined) throw new Error('a genesis lies in the directory')

let skewMs = 0
let lie: LieKind | undefined
let lies = 0
const clock: Clock = { nowMs: () => realClock.nowMs() + skewMs, sleep: realClock.sleep }
const logger = {
  ...noopLogger,
  warn: (fields: object, text?: string) => console.error(text, fields),
  error: (fields: object, text?: string) => console.error(text, fields),
}
const network = await createNetwork(
  { clock: realClock, rng: realRng, log: logger },
  {
    listen: [`/ip4/127.0.0.1/tcp/${values.port}`],
    keyPath: join(dataDir, peerKeyFileName),
    bootstrap: values.bootstrap,
  },
)
const scheme = await loadScheme()
const key =
  values.validator === undefined
    ? undefined
    : devAccount(devRoles.validator(Number(values.validator)), devChainId).privateKey
const told =
  key === undefined
    ? network
    : createLyingNetwork(network, {
        chainId: devChainId,
        scheme,
        blsSecret: validatorKeyOf(key).blsSecret,
        lie: () => lie,
        onLie: () => (lies += 1),
      })
const node = createChainNode(
  { clock, logger },
  {
    dataDir,
    port: 0,
    genesis,
    validatorKey: key,
    network: told,
    onFailure: (error) => {
      console.error(error)
      process.exit(1)
    },
  },
)

process.on('message', (order: FaultOrder) => {
  if (order.kind === 'lie') [lie, lies] = [order.lie, 0]
  if (order.kind === 'skew') ({ skewMs } = order)
  if (order.kind === 'cut')
    for (const peer of order.peers) network.drop(peer, { forMs: order.forMs })
  if (order.kind === 'flood') startFlood(network, order)
  if (order.kind === 'count') {
    tellParent({ kind: 'counts', lies, peers: network.peers().length, ask: order.ask })
  }
})
process.once('disconnect', () => process.exit(0))
await network.start()
await node.start()
tellParent({ kind: 'ready', url: `http://127.0.0.1:${node.port()}`, peerId: network.peerId })
