import { join } from 'node:path'
import { noopLogger } from '#base/log.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import { createClientChain } from '#chain/exec/engine-http/state-reads.ts'
import { createChainNode } from '#chain/node/node.ts'
import { realClock } from '#cli/real-clock.ts'
import { accounts, testGenesis } from '#test/unit/chain/exec/world.ts'
import { call } from './chain-process.ts'
import { startClient } from './engine-client.ts'

const key = new Uint8Array(32).fill(0x61)

/**
 * A validator whose every block a real client judges too. The client hangs in between: nothing becomes final
 * until it is back. Throws where the two chains differ; gives how many blocks they share.
 */
export async function runEngineNode(dataDir: string): Promise<{ readonly blocks: number }> {
  const timestamp = Math.floor(Date.now() / 1_000) - 300
  const genesis = testGenesis({ timestamp })
  const client = await startClient(join(dataDir, 'client'), parseGenesis(genesis))
  const failures: unknown[] = []
  const node = createChainNode(
    { clock: realClock, logger: noopLogger },
    {
      dataDir: join(dataDir, 'node'),
      port: 0,
      genesis,
      validatorKey: key,
      execution: { url: client.engineUrl, jwtSecret: client.jwtSecret },
      onFailure: (error) => failures.push(error),
    },
  )
  try {
    await node.start()
    const url = `http://127.0.0.1:${node.port()}`
    const theirs = createClientChain(client.engine)
    let nonce = 0
    const height = async () => Number((await call(url, 'eth_blockNumber')).result)
    const reach = async (goal: number) => {
      for (let tries = 0; (await height()) < goal; tries += 1) {
        if (failures.length > 0) throw failures[0]
        if (tries > 600) throw new Error(`height ${goal} was not reached`)
        await call(url, 'eth_sendRawTransaction', [await transfer(nonce)])
        nonce += 1
        await realClock.sleep(250)
      }
    }
    await reach(6)
    for (let at = 0; at <= 6; at += 1) {
      const { result } = await call(url, 'eth_getBlockByNumber', [`0x${at.toString(16)}`, false])
      const ours = (result as { readonly hash: string }).hash
      if ((await theirs.hashAt(at)) !== ours) throw new Error(`block ${at} is another there`)
    }
    client.pause()
    await realClock.sleep(3_000)
    const stood = await height()
    await realClock.sleep(3_000)
    if ((await height()) > stood) throw new Error('blocks became final without the client')
    client.resume()
    await reach(stood + 3)
    return { blocks: await height() }
  } finally {
    await node.stop()
    await client.stop()
  }
}

function transfer(nonce: number) {
  const [sender] = accounts
  if (sender?.signTransaction === undefined) throw new Error('no sender')
  const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, gas: 21_000n }
  const to = `0x${'77'.repeat(20)}` as const
  return sender.signTransaction({ ...fees, chainId: 78787, nonce, to, value: 1n, type: 'eip1559' })
}
