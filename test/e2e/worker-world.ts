import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { sha256 } from '#base/crypto/sha256.ts'
import { utf8 } from '#base/bytes.ts'
import { toHex } from '#base/hex.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { JobView } from '#chain/client/view.ts'
import { realRng } from '#cli/real-chance.ts'
import { realClock } from '#cli/real-clock.ts'
import { createRunner } from '#compute/runner-process.ts'
import { createArtifacts } from '#p2p/artifacts.ts'
import { createJobTopics, type JobTopics } from '#p2p/job-topic.ts'
import type { Artifacts } from '#p2p/network.ts'
import { createNetwork, type Libp2pNetwork } from '#p2p/node.ts'
import { createFiles, type Files } from '#store/files.ts'
import { createMemoryStore } from '#store/memory.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { devChainId } from '#wire/addresses.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { segmentsPerWorker, type TrainSpec } from '#wire/spec.ts'
import type { RoundTimes } from '#worker/agreement.ts'
import { createJournal, type Journal } from '#worker/journal.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import type { Progress } from '#worker/progress.ts'
import { runSession } from '#worker/session.ts'
import { encodeRows } from '../unit/compute/fixtures.ts'
import { connect } from '../unit/p2p/world.ts'
import { createIdleClock } from './idle-clock.ts'
import { createMarket, type Market } from './market.ts'
import { sampleTerms } from '#test/unit/worker/terms.ts'

export const smallSpec: TrainSpec = {
  model: { kind: 'mlp', hidden: [12] },
  inputShape: [8],
  outputs: 4,
  loss: 'crossEntropy',
  optimizer: {
    kind: 'adamw',
    learningRate: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  },
  schedule: 'linear',
  batchSize: 8,
  localSteps: 4,
  rounds: 6,
  segmentSteps: 12,
  aggregation: 'centeredClip',
}

/** One worker's machine: its disk, node and journal outlive its sessions. */
export interface Machine {
  readonly owner: Hex
  readonly journal: Journal
  readonly files: Files
  readonly network: Libp2pNetwork
  readonly artifacts: Artifacts
  readonly topics: JobTopics
  readonly progress: Progress[]
  /** Runs a session until it ends or `stop` is called. */
  begin(options?: { misbehave?: MisbehaveKind; times?: Partial<RoundTimes> }): Session
}

/** Waits until a machine has told something. */
export async function untilProgress(
  { progress }: Machine,
  condition: (step: Progress) => boolean,
): Promise<void> {
  for (let tries = 0; tries < 10_000; tries += 1) {
    if (progress.some(condition)) return
    await realClock.sleep(20)
  }
  throw new Error('the machine did not tell it')
}

export interface Session {
  readonly ended: Promise<void>
  /** Ends it at once, as a stop or a crash would. */
  stop(): Promise<void>
}

export interface World {
  readonly market: Market
  readonly machines: readonly Machine[]
  readonly jobId: Hex
  readonly spec: JobSpec
  /** Waits for the job's view; fails at once when a session does. */
  readonly until: (condition: (view: JobView) => boolean) => Promise<JobView>
  stop(): Promise<void>
}

const waitMsMax = 240_000

const times: RoundTimes = {
  floorMs: 4_000,
  firstFloorMs: 20_000,
  viewMs: 1_500,
  closeAfterLateMs: 4_000,
}

/** Machines on real loopback connections, and a market with one job whose files the first machine serves. */
export async function createWorld(
  workers: number,
  options: { train?: TrainSpec; log?: Logger } = {},
): Promise<World> {
  const train = options.train ?? smallSpec
  const log = options.log ?? noopLogger
  const root = await mkdtemp(join(tmpdir(), 'quern-worker-'))
  const parts = await Promise.all(
    Array.from({ length: workers }, (_, i) => createPart(root, i, log)),
  )
  await Promise.all(
    parts.map(async ({ network, artifacts, topics }) => {
      await network.start()
      await artifacts.start()
      await topics.start()
    }),
  )
  for (const [i, { network }] of parts.entries()) {
    for (const other of parts.slice(0, i)) await connect(network, other.network)
  }
  const { spec, specDigest } = await publishJob(parts[0]!.artifacts, train)
  const jobId = toHex(sha256(utf8('job')))
  const market = createMarket({
    jobId,
    terms: termsOf({ specDigest, engineId: spec.engineId, workers, train }),
    entries: parts.map(({ owner, account, network }) => ({
      owner,
      operator: account.address.toLowerCase() as Hex,
      isWorker: true,
      isEvaluator: false,
      x25519Key: `0x${'00'.repeat(32)}`,
      peerId: network.peerId,
    })),
  })

  const clock = createIdleClock()
  const sessions = new Set<Session>()
  const machines = parts.map((part): Machine => {
    const progress: Progress[] = []
    return { ...part, progress, begin: (how = {}) => begin({ ...part, progress }, how) }
  })

  function begin(
    part: Part & { progress: Progress[] },
    how: { misbehave?: MisbehaveKind; times?: Partial<RoundTimes> },
  ): Session {
    const stopping = new AbortController()
    const { account, artifacts, files, journal, network, owner, topics } = part
    const deps = {
      ...market,
      chain: market.chainOf(owner),
      account,
      artifacts: clock.watch(artifacts),
      files,
      journal,
      network,
      topics: clock.watchTopics(topics),
      openRunner: () => clock.watch(createRunner()),
      clock,
      log,
      leading: { commit: async () => 0 },
      onProgress: (_jobId: Hex, step: Progress) => part.progress.push(step),
    }
    const work = runSession(
      deps,
      {
        chainId: devChainId,
        jobManager,
        self: owner,
        threads: 1,
        times: { ...times, ...how.times },
        misbehave: how.misbehave,
      },
      { jobId, signal: stopping.signal },
    )
    const session: Session = {
      ended: work,
      async stop() {
        stopping.abort()
        await work.catch(() => undefined)
        sessions.delete(session)
      },
    }
    work.catch(() => undefined)
    sessions.add(session)
    return session
  }

  return {
    market,
    machines,
    jobId,
    spec,
    until(condition) {
      const signal = AbortSignal.timeout(waitMsMax)
      const failed = [...sessions].map((session) => session.ended.then(() => never))
      const seen = market.feed.waitFor(jobId, condition, { signal }).catch(() => {
        throw new Error(`the job stands still: ${standOf(market.view(), machines)}`)
      })
      return Promise.race([seen, ...failed])
    },
    async stop() {
      await Promise.all([...sessions].map((session) => session.stop()))
      await clock.stop()
      await Promise.all(
        parts.map(async ({ network, artifacts, topics }) => {
          await topics.stop()
          await artifacts.stop()
          await network.stop()
        }),
      )
      await rm(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

const never = new Promise<never>(() => undefined)

/** For whoever reads why a wait had no end. */
function standOf(view: JobView, machines: readonly Machine[]): string {
  const { phase, attempt, closedRounds, results } = view
  const last = machines.map(({ progress }) => progress.at(-1))
  return JSON.stringify({ phase, attempt, closed: closedRounds.length, results, last })
}

export const jobManager: Hex = '0x0000000000000000000000000000000000051005'

type Part = Awaited<ReturnType<typeof createPart>>

async function createPart(root: string, index: number, log: Logger) {
  const directory = join(root, `machine-${index}`)
  const network = await createNetwork({ clock: realClock, rng: realRng, log })
  const artifacts = createArtifacts(network, { directory, log })
  const topics = createJobTopics({ network, clock: realClock, log }, { chainId: devChainId })
  const account = privateKeyToAccount(toHex(sha256(utf8(`operator ${index}`))))
  return {
    owner: `0x${(index + 1).toString(16).padStart(40, '0')}` satisfies Hex,
    account,
    network,
    artifacts,
    topics,
    files: createFiles(join(directory, 'jobs')),
    journal: createJournal(createMemoryStore()),
  }
}

async function publishJob(artifacts: Artifacts, train: TrainSpec) {
  const runner = createRunner()
  const { engineId } = await runner.open({ spec: train, threads: 1 })
  await runner.close()
  const rows = encodeRows(train, 240)
  const trainCid = await artifacts.add(rows, { owner: 'client' })
  const trainSet = { cid: trainCid, rows: 240, sizeBytes: rows.length }
  const spec: JobSpec = {
    version: 1,
    name: 'small',
    task: 'classify',
    metric: 'accuracy',
    engineId,
    splitSeed: 1,
    train,
    preprocessing: {
      kind: 'table',
      columnCount: 9,
      columns: Array.from({ length: 8 }, (_, i) => {
        return { kind: 'number', name: `c${i}`, fill: 0, mean: 0, std: 1 } as const
      }),
      target: { kind: 'class', name: 'y', labels: ['0', '1', '2', '3'] },
    },
    trainSet,
    heldOut: { ...trainSet, sealed: [] },
  }
  const bytes = canonicalBytes(spec)
  await artifacts.add(bytes, { owner: 'client' })
  return { spec, specDigest: toHex(sha256(bytes)) }
}

function termsOf(facts: {
  specDigest: Hex
  engineId: Hex
  workers: number
  train: TrainSpec
}): Terms {
  return sampleTerms({
    flops: 10n ** 9n,
    engineId: facts.engineId,
    specDigest: facts.specDigest,
    workerCount: facts.workers,
    workerCountMin: 1,
    volunteerSeconds: 1,
    roundSeconds: 1,
    segmentCount: segmentsPerWorker(facts.train),
  })
}
