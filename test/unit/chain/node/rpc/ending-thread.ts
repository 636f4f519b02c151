import { parentPort, workerData } from 'node:worker_threads'
import { createCalls } from '#base/calls.ts'
import { assert } from '#base/assert.ts'

// A thread that says where it listens and ends at the next block, as one does that took too much memory.
const { port, nowMs } = workerData as { readonly port: number; readonly nowMs: number }
assert(parentPort, 'this file is run as a thread')
const calls = createCalls(parentPort, {
  listen() {
    calls.tell('log', ['info', { port, nowMs }, 'listening'])
    return port === 0 ? 12_345 : port
  },
  follow: () => process.exit(1),
  close: () => undefined,
})
