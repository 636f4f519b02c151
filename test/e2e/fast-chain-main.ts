import { setTimeout as delay } from 'node:timers/promises'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '#base/hex.ts'
import { noopLogger } from '#base/log.ts'
import { createRng } from '#base/rng.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { developmentGenesisOf } from '#cli/local-validators.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { realClock } from '#cli/real-clock.ts'
import { createChainNode } from '#chain/node/node.ts'
import { createNetwork } from '#p2p/node.ts'
import { devChainId } from '#wire/addresses.ts'
import { call } from './chain-process.ts'

// A validator alone whose clock runs faster, with peers on loopback. Makes blocks up to a height, each with a
// transfer to somebody new, then says where it is; from then on blocks come without transactions.
const [, , dataDir = '', heightText = '300', speedText = '200'] = process.argv
const speed = Number(speedText)
const startMs = Date.now()
const clock = {
  nowMs: () => startMs + (Date.now() - startMs) * speed,
  sleep: (durationMs: number, signal?: AbortSignal) =>
    delay(durationMs / speed, undefined, { signal }),
}
const logger = {
  ...noopLogger,
  error: (fields: object, text?: string) => console.error(text, fields),
}
const network = await createNetwork(
  { clock: realClock, rng: createRng(1), log: noopLogger },
  { listen: ['/ip4/127.0.0.1/tcp/0'] },
)
await network.start()
const account = devAccount(devRoles.validator(0), devChainId)
const node = createChainNode(
  { clock, logger },
  {
    dataDir,
    port: 0,
    genesis: await developmentGenesisOf(1),
    validatorKey: account.privateKey,
    network,
    onFailure: () => process.exit(1),
  },
)
process.once('SIGTERM', () => {
  Promise.all([node.stop(), network.stop()]).then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
await node.start()
const url = `http://127.0.0.1:${node.port()}`
await fill(Number(heightText))
const line = { url, address: network.addresses[0], genesisRoot: node.genesisRoot() }
console.log(JSON.stringify(line))

async function fill(height: number): Promise<void> {
  const sender = privateKeyToAccount(toHex(account.privateKey))
  const fees = { chainId: devChainId, maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n }
  for (let nonce = 0; ; nonce += 1) {
    const to = `0x${(0x5eed0000 + nonce).toString(16).padStart(40, '0')}` as const
    const raw = await sender.signTransaction({ ...fees, nonce, to, value: 7n, gas: 21_000n })
    const { error } = await call(url, 'eth_sendRawTransaction', [raw])
    if (error !== undefined) throw new Error(error.message)
    if (nonce % 16 !== 0) continue // so that the pool is never empty and blocks come each second
    const { result } = await call(url, 'eth_blockNumber')
    if (Number(result) >= height) return
  }
}
