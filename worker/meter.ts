import type { Logger } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import type { Head } from '#chain/client/feed.ts'
import type { OnProgress } from './progress.ts'

/** Progress as log lines and metrics. */
export interface Meter {
  readonly onProgress: OnProgress
  sessions(count: number): void
  head(head: Head): void
}

/** Creates the meter of a worker. */
export function createMeter(metrics: Metrics, log: Logger): Meter {
  const rounds = metrics.counter('quern_worker_rounds_total', 'rounds finished')
  const closed = metrics.counter(
    'quern_worker_rounds_closed_total',
    'rounds that the contract fixed',
  )
  const missed = metrics.counter(
    'quern_worker_rounds_missed_total',
    'rounds that left this worker out',
  )
  const segments = metrics.counter('quern_worker_segments_total', 'segments committed')
  const results = metrics.counter('quern_worker_results_total', 'results submitted')
  const resumed = metrics.counter('quern_worker_resumes_total', 'attempts resumed from the journal')
  const sessions = metrics.gauge('quern_worker_sessions', 'jobs worked on now')
  const height = metrics.gauge('quern_worker_head_blocks', 'newest finalised block seen')
  const roundMs = metrics.gauge('quern_worker_round_ms', 'duration of the last round')

  const onProgress: OnProgress = (jobId, progress) => {
    log.info({ jobId, ...progress, event: progress.kind }, 'progress')
    if (progress.kind === 'round') {
      rounds.add(1)
      if (progress.isClosedOnChain) closed.add(1)
      if (progress.loss === undefined) missed.add(1)
      roundMs.set(progress.durationMs)
    }
    if (progress.kind === 'segment') segments.add(1)
    if (progress.kind === 'submitted') results.add(1)
    if (progress.kind === 'resumed') resumed.add(1)
  }

  return {
    onProgress,
    sessions: (count) => sessions.set(count),
    head: ({ number }) => height.set(Number(number)),
  }
}
