import { describe, expect, test } from 'vitest'
import { noopLogger } from '#base/log.ts'
import { type Disputes, bondLevels } from '#chain/client/dispute/disputes.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Challenge, Challenged } from '#evaluator/challenge/challenge.ts'
import { type ChallengesDeps, createChallenges } from '#evaluator/challenge/challenges.ts'
import type { Hex } from '#wire/primitives.ts'
import { until } from '../p2p/world.ts'
import { account, hash } from '../chain/client/jobs.ts'

const bondWei = 10n
const view = { jobId: hash('1'), attempt: 0, workers: [] } as unknown as JobView
const workersOf = (count: number) => Array.from({ length: count }, (_, i) => account(String(i + 1)))
const findingsOf = (workers: readonly Hex[]) =>
  workers.map((worker) => ({ kind: 'step' as const, worker }))

interface Setting {
  readonly balanceWei: bigint
  readonly putUpBonds?: (amountWei: bigint) => Promise<void>
  /** Disputes that stand on chain. */
  readonly opened?: readonly object[]
}

/** Challenges whose games a test opens and ends by hand. */
function startChallenges(setting: Setting) {
  const state = { balanceWei: setting.balanceWei }
  const replaying: Hex[] = []
  const open = new Map<Hex, () => void>()
  const play = async (_deps: unknown, { worker, onOpened }: Challenge): Promise<Challenged> => {
    replaying.push(worker)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(replaying, 'one replay at a time').toEqual([worker])
    replaying.pop()
    state.balanceWei -= bondWei
    const ended = new Promise<void>((resolve) => open.set(worker, resolve))
    onOpened?.()
    await ended
    open.delete(worker)
    state.balanceWei += bondWei
    return { kind: 'played', id: hash('2'), played: { standing: {} as Standing, gasUsed: 0n } }
  }
  const disputes: Partial<Disputes> = {
    rules: async () => ({ bondWei, clockSeconds: 60 }),
    balanceOf: async () => state.balanceWei,
    all: async () => (setting.opened ?? []) as Standing[],
  }
  const { putUpBonds } = setting
  const registry = { entryOf: async (owner: Hex) => ({ operator: owner }) }
  const deps = { disputes, registry, log: noopLogger, putUpBonds } as unknown as ChallengesDeps
  const options = { self: account('9'), chainId: 1, jobManager: account('8'), threads: 1 }
  const signal = new AbortController().signal
  const challenges = createChallenges(deps, { ...options, signal }, play)
  return { challenges, open, state }
}

describe('createChallenges', () => {
  test('a worker that says nothing delays nobody else: four games at the same time', async () => {
    const { challenges, open } = startChallenges({ balanceWei: 1_000n })
    const workers = workersOf(5)
    challenges.found(view, findingsOf(workers))
    await until('four are open', () => open.size === 4)
    expect([...open.keys()]).toEqual(workers.slice(0, 4))
    open.get(workers[2] as Hex)?.()
    await until('the fifth follows', () => open.has(workers[4] as Hex))
    let isEnded = false
    const ended = challenges.ended().then(() => (isEnded = true))
    for (const end of [...open.values()].slice(1)) end()
    await until('one is left', () => open.size === 1)
    expect(isEnded).toBe(false)
    for (const end of open.values()) end()
    await ended
  })

  test('what one may still have to put up is not risked in another', async () => {
    const { challenges, open } = startChallenges({ balanceWei: bondLevels * bondWei })
    const [first, second] = workersOf(2) as [Hex, Hex]
    challenges.found(view, findingsOf([first, second]))
    await until('the first is open', () => open.has(first))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(open.has(second)).toBe(false)
    open.get(first)?.()
    await until('its bonds are back', () => open.has(second))
    open.get(second)?.()
    await challenges.ended()
  })

  test('where the owner puts up more, none waits', async () => {
    const asked: bigint[] = []
    const started = startChallenges({
      balanceWei: bondLevels * bondWei,
      putUpBonds: async (amountWei) => {
        asked.push(amountWei)
        if (amountWei > started.state.balanceWei) started.state.balanceWei = amountWei
      },
    })
    const { challenges, open } = started
    challenges.found(view, findingsOf(workersOf(3)))
    await until('all are open', () => open.size === 3)
    const rest = (bondLevels - 1n) * bondWei
    expect(asked).toEqual([bondLevels * bondWei + rest, bondLevels * bondWei + 2n * rest])
    for (const end of open.values()) end()
    await challenges.ended()
  })

  test('what an earlier process opened waits for no bonds: its clock runs', async () => {
    const [first, second] = workersOf(2) as [Hex, Hex]
    const opened = [first, second].map((worker) => {
      return {
        challenger: account('9'),
        asserter: worker,
        claim: { jobId: view.jobId, attempt: 0 },
      }
    })
    const { challenges, open } = startChallenges({ balanceWei: bondWei, opened })
    await challenges.resume([{ ...view, workers: [first, second] }])
    await until('both are played', () => open.size === 2)
    for (const end of open.values()) end()
    await challenges.ended()
  })
})
