import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { JobTopic } from '#p2p/network.ts'
import type { Hex } from '#wire/primitives.ts'
import type { AuditWord } from '#wire/topic.ts'
import type { AttemptPlace } from './attempt.ts'
import { createVoices } from './hearing.ts'
import { type AccountOfPeer, type Notices, createNotices } from './notices.ts'
import type { Panel } from './panel.ts'
import { type SignTyped, createSaying } from './saying.ts'
import type { Shown } from './serving.ts'
import type { ExamineDeps } from './examine.ts'

export interface JoiningDeps {
  readonly feed: Pick<JobFeed, 'head' | 'randomness'>
  readonly topic: Pick<JobTopic, 'append' | 'entries'>
  readonly accountOfPeer: AccountOfPeer
  readonly isSigned: (word: AuditWord) => Promise<boolean>
  readonly sign: SignTyped
  readonly clock: Clock
  readonly log: Logger
  readonly onShown: (outcome: Shown['kind']) => void
}

export interface JoiningOptions {
  /** This evaluator. */
  readonly owner: Hex
  /** All that were drawn in the attempt, one panel after another. */
  readonly evaluators: () => readonly Hex[]
}

/** An evaluator's seat in a panel: who shares the work, what they say in the topic, and how this one says it. */
export function joinPanel(
  deps: JoiningDeps,
  { view, jobId, attempt, auditSeed }: AttemptPlace,
  { owner, evaluators }: JoiningOptions,
): Pick<ExamineDeps, 'notices' | 'panel' | 'voices' | 'say'> {
  const { feed, topic, log } = deps
  const voices = createVoices({
    ...deps,
    height: () => feed.head().number,
    randomness: (height) => feed.randomness(height),
  })
  const { hear } = voices
  const heard = createNotices(topic, deps.accountOfPeer, { attempt, evaluators, hear })
  const notices: Notices = { ...heard, update }
  /** What cannot be judged while the chain is away is read the next time. */
  async function update(): Promise<void> {
    try {
      await heard.update()
      await voices.update()
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error
      log.debug({ jobId, code: error.code }, 'job log not read on')
    }
  }
  const say = createSaying(deps, { jobId, attempt, owner })
  return { notices, voices, say, panel: panelOf(view, { self: owner, auditSeed, attempt }) }
}

/** Whoever was drawn last shares the work; where others were drawn before and disagreed, each does all of it. */
function panelOf(
  { evaluators: all, panelStart = 0 }: AttemptPlace['view'],
  own: Pick<Panel, 'self' | 'auditSeed' | 'attempt'>,
): Panel {
  const members = all.slice(panelStart)
  return { ...own, members, all, isSharing: panelStart === 0 && members.length > 1 }
}
