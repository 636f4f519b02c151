import { setTimeout as delay } from 'node:timers/promises'
import { noopLogger } from '#base/log.ts'
import { developmentGenesis } from '#chain/node/development.ts'
import { createChainNode } from '#chain/node/node.ts'

// A node alone in a process, to be killed. Prints its port, then nothing.
const [, , dataDir = ''] = process.argv
const clock = {
  nowMs: () => Date.now(),
  sleep: (durationMs: number, signal?: AbortSignal) => delay(durationMs, undefined, { signal }),
}
const logger = {
  ...noopLogger,
  error: (fields: object, text?: string) => console.error(text, fields),
}
const node = createChainNode(
  { clock, logger },
  {
    dataDir,
    port: 0,
    genesis: developmentGenesis(),
    validatorKey: new Uint8Array(32).fill(7),
    onFailure: () => process.exit(1),
  },
)
process.once('SIGTERM', () => {
  node.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
await node.start()
console.log(node.port())
