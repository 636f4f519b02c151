/** Something that runs until it is stopped. Both calls may be awaited; `stop` may be called twice. */
export interface Service {
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * One service out of many: started in order, stopped in reverse order. When one fails to start, those
 * already started are stopped and the failure is thrown. `stop` stops all, then throws what failed.
 */
export function createGroup(services: readonly Service[]): Service {
  let started: Service[] = []

  async function start(): Promise<void> {
    for (const service of services) {
      try {
        await service.start()
      } catch (error) {
        await stop().catch(() => undefined) // the first failure is the one to report
        throw error
      }
      started.push(service)
    }
  }

  async function stop(): Promise<void> {
    const running = started.toReversed()
    started = []
    const failures: unknown[] = []
    for (const service of running) {
      try {
        await service.stop()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, 'several services failed to stop')
  }

  return { start, stop }
}
