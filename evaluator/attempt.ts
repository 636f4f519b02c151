import { historyOf } from '#chain/client/history.ts'
import type { Operators } from '#chain/client/operators.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import { typedMessages } from '#chain/client/typed.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import { recoverTyped } from '#base/crypto/eip712.ts'
import { AppError, codeOf } from '#base/error.ts'
import type { OpenedJob } from '#compute/runner.ts'
import { manifestOf, modelHashOf } from '#compute/export/model.ts'
import type { SignerOf } from '#compute/train/certificate.ts'
import type { AttemptFacts } from '#compute/train/attempt-facts.ts'
import { closedListsOf } from '#compute/train/closed.ts'
import { initSeedOf } from '#compute/train/commit.ts'
import { type AuditRate, auditRateOf } from '#compute/train/sample.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'

/** Where signatures count. */
export interface Place {
  readonly chainId: number
  readonly jobManager: Hex
}

/** What the chain says about an attempt, without its specification. */
export interface AttemptPlace extends Place {
  readonly view: JobView
  readonly jobId: Hex
  readonly attempt: number
  /** Workers of the attempt in index order. */
  readonly active: readonly Hex[]
  /** The job's beacon: seeds and initial parameters. */
  readonly beacon: Hex
  /** Draws the steps that are repeated. */
  readonly auditSeed: Hex
  readonly operators: ReadonlyMap<Hex, readonly Hex[]>
  /** How closely each worker is looked at; one step of every segment where nothing stands. */
  readonly rates?: ReadonlyMap<Hex, AuditRate>
}

/** Reads the seeds and keys of an attempt that is to be judged. Throws NOT_READY while they are not final. */
export async function readPlace(
  deps: { feed: Pick<JobFeed, 'randomness'>; operators: Operators },
  view: JobView,
  place: Place,
): Promise<AttemptPlace> {
  const { beaconHeight, auditHeight } = view
  const beacon = beaconHeight === undefined ? undefined : await deps.feed.randomness(beaconHeight)
  const auditSeed = auditHeight === undefined ? undefined : await deps.feed.randomness(auditHeight)
  if (auditHeight === undefined || beacon === undefined || auditSeed === undefined) {
    throw new AppError({ code: 'NOT_READY', jobId: view.jobId, retryable: true })
  }
  const active = view.active.map((index) => view.workers[index] as Hex)
  const keys = active.map(async (worker) => {
    return [worker, await deps.operators.operatorsOf(worker, auditHeight)] as const
  })
  const operators = new Map(await Promise.all(keys))
  const { jobId, attempt } = view
  return { ...place, view, jobId, attempt, active, beacon, auditSeed, operators }
}

/** How closely workers are looked at, by what the chain knew of them when their steps were drawn. */
export async function readRates(
  reader: Pick<Transactor, 'read'>,
  { active, view }: Pick<AttemptPlace, 'active' | 'view'>,
): Promise<ReadonlyMap<Hex, AuditRate>> {
  const { auditHeight, jobId } = view
  if (auditHeight === undefined) throw new AppError({ code: 'NOT_READY', jobId, retryable: true })
  const rates = active.map(async (worker) => {
    return [worker, auditRateOf(await historyOf(reader, worker, auditHeight))] as const
  })
  return new Map(await Promise.all(rates))
}

/** The facts against which transcripts are checked. */
export function factsOf(
  place: AttemptPlace,
  {
    spec,
    opened,
    initial,
    signerOf,
  }: { spec: JobSpec; opened: OpenedJob; initial: Leaf; signerOf: SignerOf },
): AttemptFacts {
  const { view, jobId, attempt, active, beacon } = place
  const updateBytes = opened.parameterCount * 4
  const initialSeed = initSeedOf(jobId, beacon)
  return {
    jobId,
    attempt,
    train: spec.train,
    active,
    results: view.results.filter(({ worker }) => active.includes(worker)),
    closedRounds: closedListsOf({ attempt, closedRounds: view.closedRounds }, updateBytes),
    initial,
    flopsPerStep: opened.flopsPerStep,
    signerOf,
    modelHashOf: (modelRoot) => modelHashOf(manifestOf({ job: spec, initialSeed }, modelRoot)),
  }
}

/** Who signed a round's list: each signature is recovered once. */
export function createSignerOf(
  place: Pick<AttemptPlace, 'chainId' | 'jobManager' | 'jobId' | 'attempt' | 'operators'>,
): SignerOf {
  const { chainId, jobManager: verifyingContract, jobId, attempt, operators } = place
  const domain = { name: 'Quern', version: '1', chainId, verifyingContract }
  const types = { RoundList: typedMessages.RoundList }
  const owners = new Map(
    [...operators].flatMap(([owner, keys]) => keys.map((key) => [key, owner] as const)),
  )
  const known = new Map<string, Hex | undefined>()

  return (round, listHash, signature) => {
    const key = `${round}/${listHash}/${signature}`
    if (!known.has(key)) {
      const message = { jobId, attempt, round, listHash }
      const typed = { domain, types, primaryType: 'RoundList', message }
      known.set(
        key,
        ownerOf(owners, () => recoverTyped(typed, signature)),
      )
    }
    return known.get(key)
  }
}

function ownerOf(owners: ReadonlyMap<Hex, Hex>, recover: () => Hex): Hex | undefined {
  try {
    return owners.get(recover())
  } catch (error) {
    if (codeOf(error) === 'SIGNATURE_INVALID') return undefined
    throw error
  }
}
