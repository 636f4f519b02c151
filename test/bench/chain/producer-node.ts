/**
 * `producer-node.ts <directory> <blocks> <transactions a block>`: builds a chain on a virtual clock, then serves
 * it to peers. Prints one line of JSON when it is built.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createFakeClock } from '#base/clock.ts'
import { createChainNode } from '#chain/node/node.ts'
import { benchChainId, benchValidatorKey } from './genesis.ts'
import { senderOf, senders, signCall, transferOf } from './load.ts'
import { errorLogger, foundedGenesis, startPeer } from './real-parts.ts'
import { createRpc } from './rpc.ts'

const [, , dataDir = '', blocks = '10000', each = '10'] = process.argv
const genesis = await foundedGenesis()
const network = await startPeer()
const clock = createFakeClock((genesis.timestamp + 1) * 1000)
const node = createChainNode(
  { clock, logger: errorLogger },
  {
    dataDir,
    port: 0,
    genesis,
    network,
    validatorKey: benchValidatorKey(0),
    onFailure: (error) => {
      console.error(error)
      process.exit(1)
    },
  },
)
await node.start()
const rpc = createRpc(`http://127.0.0.1:${node.port()}`)
const height = async () => Number(await rpc.call('eth_blockNumber'))

const turnsMax = 400
const transactionsEach = Number(each)
const startMs = performance.now()
let sent = 0
for (let target = 1; target <= Number(blocks); target += 1) {
  const calls = Array.from({ length: transactionsEach }, () => transferAt(sent++))
  await rpc.batch(calls.map((raw) => ['eth_sendRawTransaction', [raw]]))
  await clock.advance(1_000)
  for (let turns = 0; (await height()) < target; turns += 1) {
    if (turns % turnsMax === turnsMax - 1) await clock.advance(250)
    await nextTurn()
  }
}
const buildMs = performance.now() - startMs
const half = `0x${Math.ceil(Number(blocks) / 2).toString(16)}`
const { hash: middle } = await rpc.call<{ hash: string }>('eth_getBlockByNumber', [half, false])
console.log(JSON.stringify({ bootstrap: network.addresses, buildMs, middle }))

function transferAt(i: number) {
  const nonce = Math.floor(i / senders.length)
  return signCall(transferOf(i), senderOf(i), { chainId: benchChainId, nonce })
}
