/** What each further thread of an engine runs: waits for an order, does its share, waits for the others. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Order, createControl } from './barrier.ts'
import { type TeamSeed, joinEngine } from './engine.ts'
import { checkDenormals, digestShare, runShare } from './team.ts'

const { seed, thread } = workerData as { seed: TeamSeed; thread: number }
const { memory, threads } = seed
const workplace = joinEngine(seed, thread)
const control = createControl(memory, threads)
parentPort?.postMessage('ready', [])

for (let seen = 0; ; seen += 1) {
  const order = control.await(seen)
  if (order.kind === 'stop') break
  if (!follow(order)) control.reportFault()
  control.barrier()
}

/** This thread's share of an order; false when a figure of it is wrong. */
function follow(order: Exclude<Order, { kind: 'stop' }>): boolean {
  if (order.kind === 'probe') return checkDenormals(workplace.kernels)
  if (order.kind === 'run') {
    const draw = order.isHashing ? control.draw : undefined
    return runShare(workplace, order.plan, { thread, threads, barrier: control.barrier, draw })
  }
  digestShare(workplace, control.draw)
  return true
}
