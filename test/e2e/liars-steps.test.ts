import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

/** Of six workers five do their steps wrong, by their index from 1. */
const liars: Readonly<Record<number, MisbehaveKind>> = {
  1: 'sign-flip',
  2: 'wrong-seed',
  3: 'wrong-shard',
  4: 'flip-bit',
  5: 'alie',
}
const honest = 6
/** Of three evaluators, which says of every step that it is right, with tags that it heard. */
const lazy = 3

let world: LocalWorld
let run: Run

beforeAll(async () => {
  const lies = Object.entries(liars).map(([index, kind]) => `${index}:${kind}`)
  const people = ['--workers', `${honest}`, '--evaluators', '3']
  world = await startWorld([...people, '--misbehave', ...lies, `e${lazy}:lazy`])
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 400, seed: 3 }))
  const offer = ['--workers', `${honest}`, '--evaluators', '3', '--run-seconds', '600']
  run = await world.post([file], offer, { timeoutMs: 1_500_000 })
}, 1_800_000)

afterAll(() => world.stop(), 60_000)

const ownerOf = (index: number) => devAccount(devRoles.workerOwner(index - 1), 78787).address

/** The summary's workers are in order of assignment: find them by their owner's number in the network. */
function workerOf(index: number) {
  return summaryOf(run).workers.find(({ address }) => address === ownerOf(index))!
}

test('the job settles without the liars', () => {
  expect(run.exitCode, run.err).toBe(0)
  expect(summaryOf(run)).toMatchObject({ phase: 'settled', attempts: 2, isBalanced: true })
})

test.each(Object.entries(liars))('worker %s (%s) loses stake and is paid nothing', (index) => {
  const liar = workerOf(Number(index))
  expect(liar.slashedWei).toBeGreaterThan(0n)
  expect(liar.paidWei).toBe(0n)
})

test('the honest worker is paid and keeps its stake', () => {
  const worker = workerOf(honest)
  expect(worker.paidWei).toBeGreaterThan(0n)
  expect(worker.slashedWei).toBe(0n)
})

test('of the evaluators the lazy one loses stake, and no other', () => {
  const { address } = devAccount(devRoles.evaluatorOwner(lazy - 1), 78787)
  const slashed = summaryOf(run).evaluators.filter(({ slashedWei }) => slashedWei > 0n)
  expect(slashed.map((evaluator) => evaluator.address)).toEqual([address])
})

test('a stranger reads why each was removed', async () => {
  const { jobId } = summaryOf(run)
  const client = { dataDir: join(world.dataDir, 'client-1') }
  const verified = await quern(['verify', jobId, '--sample', '2'], client)
  expect(verified.exitCode, verified.err).toBe(0)
  const removed = verified.lines.filter(({ claim }) => claim === 'evidence')
  const named = removed.map(({ text }) => String(text).split(' ')[0])
  const owners = Object.keys(liars).map((index) => ownerOf(Number(index)))
  expect(new Set(named)).toEqual(new Set(owners))
}, 300_000)
