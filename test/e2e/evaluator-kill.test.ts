import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noopLogger } from '#base/log.ts'
import { type JobFeed, createJobFeed } from '#chain/client/feed.ts'
import { accessOf } from '#cli/compose.ts'
import { devRoles } from '#cli/dev-roles.ts'
import type { Summary } from '#cli/job/summary.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { networkSchema } from '#cli/network-file.ts'
import { realClock } from '#cli/real-clock.ts'
import { devChainId } from '#wire/addresses.ts'
import type { Hex } from '#wire/primitives.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

const evaluators = 3
let world: LocalWorld
let feed: JobFeed
let file: string
let again: { run: Promise<Run>; pid: number } | undefined

beforeAll(async () => {
  const counts = ['--workers', '2', '--evaluators', String(evaluators)]
  world = await startWorld([...counts, '--no-restart'])
  const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
  const { rpcUrl, chainId, contracts } = accessOf(networkSchema.parse(JSON.parse(text)))
  const place = { rpcUrl, chainId, jobManager: contracts.JobManager, pollMs: 100 }
  feed = createJobFeed({ clock: realClock, log: noopLogger }, place)
  await feed.start()
  file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 300, seed: 8 }))
}, 300_000)

afterAll(async () => {
  await feed?.stop()
  if (again !== undefined && isAlive(again.pid)) process.kill(again.pid, 'SIGTERM')
  await again?.run
  await world?.stop()
}, 60_000)

const ownerOf = (index: number) => devAccount(devRoles.evaluatorOwner(index), devChainId).address

function indexOf(owner: Hex): number {
  const found = Array.from({ length: evaluators }, (_, i) => i).find((i) => ownerOf(i) === owner)
  return found as number
}

/**
 * Posts a job and kills one of its two evaluators when it has committed; the other one is held until then, so
 * that no reveal can come first.
 */
async function postAndKill(onKilled: (index: number) => Promise<unknown>) {
  const signal = AbortSignal.timeout(400_000)
  let jobId: Hex | undefined
  const run = world.post([file], ['--workers', '2', '--run-seconds', '240'], {
    onLine: (line) => {
      if (line.event === 'posted') jobId = line['jobId'] as Hex
    },
  })
  while (jobId === undefined) await realClock.sleep(100, signal)
  const drawn = await feed.waitFor(jobId, ({ phase }) => phase === 'attesting', { signal })
  const [victim, other] = drawn.evaluators as [Hex, Hex]
  const otherPid = world.pidOf(`evaluator-${indexOf(other) + 1}`)
  process.kill(otherPid, 'SIGSTOP')
  try {
    const view = await feed.waitFor(jobId, ({ committed }) => committed.includes(victim), {
      signal,
    })
    expect(view.committed).toEqual([victim])
    process.kill(world.pidOf(`evaluator-${indexOf(victim) + 1}`), 'SIGKILL')
    await onKilled(indexOf(victim))
  } finally {
    process.kill(otherPid, 'SIGCONT')
  }
  const summary = summaryOf(await run)
  const { revealed } = feed.job(jobId)!
  return { summary, victim, revealed: revealed.map(({ evaluator }) => evaluator) }
}

function slashedOf({ workers, evaluators: judges }: Summary): readonly Hex[] {
  return [...workers, ...judges].flatMap((one) => (one.slashedWei > 0n ? [one.address] : []))
}

/** Starts an evaluator's daemon again on its data directory, as its owner would. */
async function startAgain(index: number): Promise<void> {
  const name = `evaluator-${index + 1}`
  const deadPid = world.pidOf(name)
  const owner = `dev:${devRoles.evaluatorOwner(index)}`
  const operator = `dev:${devRoles.evaluatorOperator(index)}`
  const args = ['evaluator', 'start', '--owner', owner, '--operator', operator]
  const run = quern(args, { dataDir: join(world.dataDir, name) })
  const signal = AbortSignal.timeout(60_000)
  while (world.pidOf(name) === deadPid) await realClock.sleep(100, signal)
  again = { run, pid: world.pidOf(name) }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test(
  'killed after its commitment and started again, it reveals',
  { timeout: 400_000 },
  async () => {
    const { summary, victim, revealed } = await postAndKill(startAgain)
    expect(summary.phase, world.logged('judged')).toBe('settled')
    expect(summary.isBalanced).toBe(true)
    expect(summary.attempts).toBe(1)
    expect(slashedOf(summary)).toEqual([])
    expect(revealed).toHaveLength(2)
    const judge = summary.evaluators.find(({ address }) => address === victim)
    expect(judge?.paidWei).toBeGreaterThan(0n)
  },
)

test(
  'killed for good, it loses stake and the job settles without it',
  { timeout: 400_000 },
  async () => {
    const { summary, victim, revealed } = await postAndKill(async () => undefined)
    expect(summary.phase, world.logged('judged')).toBe('settled')
    expect(summary.isBalanced).toBe(true)
    expect(slashedOf(summary)).toEqual([victim])
    expect(revealed).not.toContain(victim)
    for (const { paidWei } of summary.workers) expect(paidWei).toBeGreaterThan(0n)
  },
)
