import type { Clock } from '#base/clock.ts'
import type { Observer } from '../compose.ts'

const timeoutMs = 15_000
const pollMs = 200

/**
 * Waits until as many workers as the job wants are connected, so that they can fetch its files within the
 * volunteer window; goes on without them after 15 s. Answers how many there are.
 */
export async function meetWorkers(
  { capabilities, network }: Pick<Observer, 'capabilities' | 'network'>,
  wanted: number,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<number> {
  const endMs = clock.nowMs() + timeoutMs
  for (;;) {
    const connected = new Set(network.peers())
    const workers = capabilities.query({ role: 'worker' })
    const met = workers.filter(({ peerId }) => connected.has(peerId)).length
    if (met >= wanted || clock.nowMs() >= endMs) return met
    await clock.sleep(pollMs, signal)
  }
}
