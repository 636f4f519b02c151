import type { LocalAccount } from 'viem'
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/log.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { Runner } from '#compute/runner.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { Artifacts, JobTopic, Network } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { RoundTimes } from './agreement.ts'
import type { Journal } from './journal.ts'
import type { Leading } from './leading.ts'
import type { MisbehaveKind } from './misbehave.ts'
import type { OnProgress } from './progress.ts'

export interface SessionDeps {
  readonly feed: JobFeed
  readonly registry: Registry
  readonly chain: Pick<Transactor, 'send' | 'read'>
  readonly account: LocalAccount
  readonly artifacts: Artifacts
  readonly topics: JobTopics
  readonly network: Pick<Network, 'peerId' | 'handle'>
  readonly files: Files
  readonly journal: Journal
  /** The engine for jobs of a mode (`Terms.mode`). */
  readonly openRunner: (mode: number) => Runner
  readonly clock: Clock
  readonly log: Logger
  readonly leading: Leading
  readonly onProgress: OnProgress
}

export interface SessionOptions {
  readonly chainId: number
  readonly jobManager: Hex
  /** Where signed claims about the work can be disputed; without it none are signed. */
  readonly disputeGame?: Hex
  /** Owner that this worker works for, lower case. */
  readonly self: Hex
  readonly threads: number
  readonly times: RoundTimes
  readonly misbehave?: MisbehaveKind
}

/** Everything an attempt needs, opened once for the job. */
export interface OpenJob {
  readonly jobId: Hex
  readonly spec: JobSpec
  readonly topic: JobTopic
  readonly runner: Runner
  readonly flopsPerStep: number
  readonly updateBytes: number
}
