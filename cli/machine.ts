import type { LocalAccount } from 'viem'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import { tellParent } from './children.ts'
import type { Station } from './compose.ts'
import type { Context } from './context.ts'
import type { MetricsServer } from './metrics-server.ts'
import { untilStopped } from './stopping.ts'

/** A daemon's machine, wired but not started: first its services, then the work on them. */
export interface Machine {
  readonly station: Station
  readonly services: Service
  readonly work: Service
  /** Closes the journal, once the rest is stopped. */
  readonly close: () => Promise<void>
}

/** A machine that acts for a registered owner. */
export interface OwnedMachine extends Machine {
  readonly operator: LocalAccount
}

/** Runs a machine until it is asked to stop; `enrol` registers its owner before the work begins. */
export async function runMachine(
  context: Context,
  machine: Machine,
  options: {
    readonly name: 'worker' | 'evaluator' | 'attester'
    readonly metrics: MetricsServer
    readonly log: Logger
    readonly enrol?: () => Promise<void>
  },
): Promise<void> {
  const { services, station, work } = machine
  const { name, metrics, log } = options
  try {
    await metrics.start()
    await services.start()
    await options.enrol?.()
    await work.start()
    const { peerId } = station.network
    log.info({ peerId, metrics: metrics.url() }, `${name} is ready`)
    tellParent({ kind: 'ready', peerId, metricsUrl: metrics.url() })
    await untilStopped(context.stopping)
    log.info({}, `${name} stops`)
  } finally {
    await work.stop()
    await services.stop()
    await metrics.stop()
    await machine.close()
  }
}
