import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { type LocalWorld, type Run, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

/** Waited for until the run is over, in a job of its own: the others are done long before. */
const silent = 3

let world: LocalWorld
let run: Run

beforeAll(async () => {
  const people = ['--workers', '3', '--evaluators', '3']
  world = await startWorld([...people, '--misbehave', `${silent}:silent`])
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 200, seed: 3 }))
  run = await world.post([file], ['--workers', '3', '--run-seconds', '150'])
}, 900_000)

afterAll(() => world.stop(), 60_000)

/** The summary's workers are in order of assignment: find them by their owner's number in the network. */
function workerOf(index: number) {
  const { address } = devAccount(devRoles.workerOwner(index - 1), 78787)
  return summaryOf(run).workers.find((worker) => worker.address === address)!
}

test('the job settles without the silent worker', () => {
  expect(run.exitCode, run.err).toBe(0)
  expect(summaryOf(run)).toMatchObject({ phase: 'settled', isBalanced: true })
})

test('it loses stake and is paid nothing', () => {
  const worker = workerOf(silent)
  expect(worker.slashedWei).toBeGreaterThan(0n)
  expect(worker.paidWei).toBe(0n)
})

test.each([1, 2])('worker %i is paid and keeps its stake', (index) => {
  const worker = workerOf(index)
  expect(worker.paidWei).toBeGreaterThan(0n)
  expect(worker.slashedWei).toBe(0n)
})
