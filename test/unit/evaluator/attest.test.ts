import { beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { sealKeysOf } from '#base/crypto/seal.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { noopLogger } from '#base/log.ts'
import { verdictCommitment, verdictHashOf } from '#chain/client/terms.ts'
import type { ReadOptions } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import { realClock } from '#cli/real-clock.ts'
import { type AttestDeps, attest, owesVerdict } from '#evaluator/attest.ts'
import { type Journal, createJournal } from '#evaluator/journal.ts'
import { createFiles } from '#store/files.ts'
import { createMemoryStore } from '#store/memory.ts'
import type { Hex } from '#wire/primitives.ts'
import { arenaPlace, operatorsOf, owners } from '../compute/train/arena.ts'
import { rejection, until } from '../p2p/world.ts'
import { openBench } from './bench.ts'
import { evaluators, placeOf, say, sealSeeds, serveAll } from './case.ts'
import { type OneJobFeed, beaconHeight, feedOf, registry, auditHeight, topicOf } from './stubs.ts'

const { world, hub, honest: made } = await openBench()
const [self, other] = evaluators as [Hex, Hex]
const signal = new AbortController().signal
let view: JobView

beforeAll(async () => {
  await serveAll(made)
  say(made, other, { kind: 'claims', attempt: 0, evaluator: other, workers: [], words: [] })
  const { view: placed } = placeOf(made)
  view = {
    ...placed,
    phase: 'attesting',
    terms: { ...placed.terms, commitSeconds: 1_000, revealSeconds: 60 },
    commitDeadline: 10_000n,
    beaconHeight,
    auditHeight,
    committed: [],
    revealed: [],
  }
})

interface Sent {
  readonly call: string
  readonly args: readonly unknown[]
}

interface Process {
  readonly deps: AttestDeps
  readonly feed: OneJobFeed
  readonly sent: Sent[]
}

/** One life of the evaluator over a journal that outlives it. */
async function begin(
  journal: Journal,
  options: { fails?: (sent: Sent) => AppError | undefined; canRun?: boolean } = {},
): Promise<Process> {
  const feed = feedOf(made, view, 9_001n)
  const sent: Sent[] = []
  const deps: AttestDeps = {
    feed,
    registry,
    journal,
    artifacts: hub.held[0] as AttestDeps['artifacts'],
    chain: {
      async read<T>(_contract: unknown, name: string, _args: unknown, at?: ReadOptions) {
        expect([name, at?.blockNumber]).toEqual(['reputationOf', auditHeight])
        return { completed: 20, timeouts: 0, invalids: 0 } as T
      },
      send: async (_contract, call, args = []) => {
        const failure = options.fails?.({ call, args })
        if (failure) throw failure
        sent.push({ call, args })
        if (call === 'commitVerdict') feed.set({ committed: [self] })
        return { hash: '0x', blockNumber: 1n, gasUsed: 1n }
      },
    },
    operators: {
      operatorsOf: async (owner) => [operatorsOf[owners.indexOf(owner)] as Hex],
    },
    topics: { of: async () => topicOf(made, self) },
    files: createFiles(await world.directory()),
    openRunner: () => {
      if (options.canRun === false) throw new Error('the work is done already')
      return hub.runners[0] as ReturnType<AttestDeps['openRunner']>
    },
    clock: realClock,
    sign: async () => `0x${'5a'.repeat(65)}`,
    randomBytes: (size) => sha256(Uint8Array.of(size)),
    log: noopLogger,
    onProgress: () => undefined,
  }
  return { deps, feed, sent }
}

async function run({ deps, feed }: Process): Promise<void> {
  const { privateKey } = await sealKeysOf(sealSeeds[0] as Uint8Array)
  const options = { ...arenaPlace, owner: self, sealKey: privateKey, threads: 1 }
  return attest(deps, options, { view: feed.jobs()[0] as JobView, signal })
}

function commitmentOf(journal: Journal): Hex {
  const entry = journal.entry(view.jobId, 0)
  if (entry === undefined) throw new Error('nothing in the journal')
  const verdictHash = verdictHashOf(entry.verdict)
  return verdictCommitment({ ...entry, evaluator: self, verdictHash })
}

describe('attest', () => {
  test('commits, waits for the others, reveals; after a kill it goes on with the same salt', async () => {
    const journal = createJournal(createMemoryStore())
    const onDisk: boolean[] = []
    const killed = await begin(journal, {
      fails: () => {
        onDisk.push(journal.entry(view.jobId, 0) !== undefined)
        return new AppError({ code: 'RPC_DOWN', retryable: true })
      },
    })
    expect(await rejection(run(killed))).toBe('RPC_DOWN')
    expect(onDisk).toEqual([true])

    const again = await begin(journal, { canRun: false })
    const running = run(again)
    await until('the commitment is sent', () => again.sent.length === 1)
    expect(again.sent[0]).toEqual({
      call: 'commitVerdict',
      args: [view.terms, commitmentOf(journal)],
    })
    again.feed.set({ committed: [self, other] })
    await running
    const { verdict, salt, heldOutKey } = journal.entry(view.jobId, 0) ?? {}
    expect(again.sent[1]).toEqual({
      call: 'revealVerdict',
      args: [view.terms, verdict, salt, heldOutKey],
    })
    expect(verdict?.guiltyMask).toBe(0)
    expect(heldOutKey).toBe(made.heldOutKey)

    const third = await begin(journal, { canRun: false })
    third.feed.set({ committed: [self] })
    const late = run(third)
    third.feed.move(10_001n)
    await late
    expect(third.sent.map(({ call }) => call)).toEqual(['revealVerdict'])
  })

  test('in a further panel nobody waits for the silent of the one before', async () => {
    const process = await begin(createJournal(createMemoryStore()))
    process.feed.set({ evaluators: [other, self], panelStart: 1 })
    await run(process)
    expect(process.sent.map(({ call }) => call)).toEqual(['commitVerdict', 'revealVerdict'])
  })

  test('what was sent before a restart is not sent for nothing', async () => {
    const journal = createJournal(createMemoryStore())
    const first = await begin(journal)
    const running = run(first)
    await until('the commitment is sent', () => first.sent.length === 1)
    first.feed.move(10_001n)
    await running
    const failure = new AppError({ code: 'REVERTED', reason: 'AlreadyDone' })
    const again = await begin(journal, { canRun: false, fails: () => failure })
    again.feed.move(10_001n)
    await run(again)
    const refused = new AppError({ code: 'REVERTED', reason: 'TooLate' })
    const tooLate = await begin(journal, { canRun: false, fails: () => refused })
    expect(await rejection(run(tooLate))).toBe('REVERTED')
  })

  test('LATE: whoever wakes when the time to wait for states is over commits nothing', async () => {
    const asleep = await begin(createJournal(createMemoryStore()))
    asleep.feed.move(9_900n)
    expect(await rejection(run(asleep))).toBe('LATE')
    expect(asleep.sent).toEqual([])
  })

  test('SALT_LOST: committed, but the journal is gone', async () => {
    const process = await begin(createJournal(createMemoryStore()))
    process.feed.set({ committed: [self] })
    expect(await rejection(run(process))).toBe('SALT_LOST')
    expect(process.sent).toEqual([])
  })
})

describe('owesVerdict', () => {
  test.each<[string, Partial<JobView>, boolean]>([
    ['drawn and silent', {}, true],
    ['committed', { committed: [self] }, true],
    ['not drawn', { evaluators: [other] }, false],
    ['another phase', { phase: 'submitted' }, false],
  ])('%s', (_name, change, expected) => {
    expect(owesVerdict({ ...view, ...change }, self)).toBe(expected)
  })

  test('revealed', () => {
    const revealed = [{ evaluator: self, verdict: {} as JobView['revealed'][0]['verdict'] }]
    expect(owesVerdict({ ...view, revealed }, self)).toBe(false)
  })
})
