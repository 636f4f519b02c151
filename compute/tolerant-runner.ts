import type { Runner } from './runner.ts'

/**
 * A runner whose training is done by another engine in a process of its own, and all else, aggregations above all, by
 * the exact one. Steps that cheat are the exact engine's.
 */
export function createTolerantRunner(exact: Runner, other: Runner, backend: string): Runner {
  return {
    ...exact,
    async open(job, options) {
      const [opened] = await Promise.all([
        exact.open(job, options),
        other.open({ ...job, backend }, options),
      ])
      return opened
    },
    train: (task, options) => (task.misbehave ? exact : other).train(task, options),
    async close() {
      await Promise.all([exact.close(), other.close()])
    },
  }
}
