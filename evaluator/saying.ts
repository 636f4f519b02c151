import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { Operators } from '#chain/client/operators.ts'
import { type SigningPlace, type TypedName, signerOf } from '#chain/client/typed.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import type { JobTopic } from '#p2p/network.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { Hex } from '#wire/primitives.ts'
import type { AuditWord, TopicEntry } from '#wire/topic.ts'
import type { AttemptPlace } from './attempt.ts'
import type { Shown } from './serving.ts'
import type { Saying } from './together.ts'

/** Signs one of the typed messages with the operator's key. */
export type SignTyped = (typed: {
  type: TypedName
  message: Record<string, unknown>
}) => Promise<Hex>

export interface SayingDeps {
  readonly feed: Pick<JobFeed, 'head'>
  readonly topic: Pick<JobTopic, 'append'>
  readonly sign: SignTyped
  readonly log: Logger
  readonly onShown: (outcome: Shown['kind']) => void
}

/** From the end of an examiner's work for a worker to the height whose randomness draws what is repeated. */
const lotBlocks = 2n

/** Creates what an evaluator says in a job's topic about one attempt. */
export function createSaying(
  deps: SayingDeps,
  { jobId, attempt, owner: evaluator }: { jobId: Hex; attempt: number; owner: Hex },
): Saying {
  const { feed, topic, sign, log } = deps

  async function word({ worker, segment, step }: DrawnStep, shown: Shown): Promise<void> {
    deps.onShown(shown.kind)
    const entry = { kind: 'audit', attempt, evaluator, worker, segment, step } as const
    const tag = shown.kind === 'withheld' ? undefined : shown.tags.get(evaluator)
    if (tag === undefined) return publish({ ...entry, outcome: shown.kind })
    const isEqual = shown.kind === 'equal'
    const message = { jobId, attempt, worker, segment, step, isEqual, tag }
    const signature = await sign({ type: 'AuditTag', message })
    return publish({ ...entry, outcome: shown.kind, tag, signature })
  }

  async function publish(entry: TopicEntry): Promise<void> {
    try {
      await topic.append(canonicalBytes(entry))
    } catch (error) {
      // Whoever does not hear of it repeats the step.
      log.debug({ code: codeOf(error), kind: entry.kind }, 'audit entry not published')
    }
  }

  return {
    word,
    fixed(worker) {
      const height = Number(feed.head().number + lotBlocks)
      return publish({ kind: 'fixed', attempt, evaluator, worker, height })
    },
    claims(workers, words) {
      if (workers.length + words.length > 0) {
        log.info({ jobId, attempt, workers, falseWords: words }, 'claims faults')
      }
      return publish({
        kind: 'claims',
        attempt,
        evaluator,
        workers: [...workers],
        words: [...words],
      })
    },
  }
}

/** Whether a word is signed by a key that its evaluator had when the steps were drawn. */
export function createWordCheck(
  operators: Operators,
  { view, jobId, attempt, ...place }: AttemptPlace & SigningPlace,
): (word: AuditWord) => Promise<boolean> {
  const keys = new Map<Hex, Promise<readonly Hex[]>>()
  const keysOf = (evaluator: Hex) => {
    const known = keys.get(evaluator) ?? operators.operatorsOf(evaluator, view.seedHeight ?? 0n)
    keys.set(evaluator, known)
    known.catch(() => keys.delete(evaluator))
    return known
  }

  return async ({ evaluator, signature, ...word }) => {
    if (!view.evaluators.includes(evaluator)) return false
    const message = { jobId, attempt, ...word }
    const signer = await signerOf(place, { type: 'AuditTag', message }, signature)
    return signer !== undefined && (await keysOf(evaluator)).includes(signer)
  }
}
