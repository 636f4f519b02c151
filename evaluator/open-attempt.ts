import type { OpenedJob, Runner } from '#compute/runner.ts'
import type { AttemptFacts } from '#compute/train/attempt-facts.ts'
import type { JobSpec } from '#wire/job.ts'
import type { AttemptPlace } from './attempt.ts'

/** An attempt with its specification at hand and its engine running. */
export interface OpenAttempt {
  readonly place: AttemptPlace
  readonly spec: JobSpec
  readonly opened: OpenedJob
  readonly runner: Runner
  readonly facts: AttemptFacts
  /** Names of the training rows' file and of the initial state's. */
  readonly rowsFile: string
  readonly initialState: string
}

/** Under which names artifacts are pinned. */
export interface PinOwners {
  /** What people may ask for later: specification, rows, transcripts, model, evidence. */
  readonly lasting: string
  /** States and updates, until the attempt is judged. */
  readonly passing: string
}
