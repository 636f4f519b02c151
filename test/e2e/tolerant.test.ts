import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

/** Its bits are not the exact engine's. */
const backend = 'onnxruntime-web wasm'
const cheat = 3

let world: LocalWorld
let run: Run

beforeAll(async () => {
  const people = ['--workers', '3', '--evaluators', '3', '--misbehave', `${cheat}:skip-steps`]
  world = await startWorld(people, { environment: { QUERN_BACKEND: backend } })
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 600, seed: 4 }))
  run = await world.post([file], ['--mode', 'tolerant'])
}, 1_800_000)

afterAll(() => world.stop(), 60_000)

test('a job that other engines trained settles, without the one that skipped steps', async () => {
  expect(run.exitCode, run.err).toBe(0)
  const summary = summaryOf(run)
  expect(summary).toMatchObject({ phase: 'settled', isBalanced: true })
  const { devAccount } = await import('#cli/mnemonic.ts')
  const { devRoles } = await import('#cli/dev-roles.ts')
  const { address } = devAccount(devRoles.workerOwner(cheat - 1), 78787)
  for (const worker of summary.workers) {
    const isCheat = worker.address === address
    expect(worker.slashedWei > 0n, worker.address).toBe(isCheat)
    expect(worker.paidWei > 0n, worker.address).toBe(!isCheat)
  }
})

test('the other engine did train: its steps but the last of a round name no state', () => {
  expect(isInFiles(join(world.dataDir, 'worker-1'), `"p":"0x${'00'.repeat(32)}"`)).toBe(true)
})

test('its drawn rounds can be verified, its steps cannot all be', async () => {
  const { jobId } = summaryOf(run)
  const { dataDir } = world
  const sampled = await quern(['verify', jobId, '--sample', '2'], { dataDir })
  expect(sampled.exitCode, sampled.err).toBe(0)
  expect(sampled.lines).toContainEqual({
    event: 'proven',
    claim: 'replay',
    text: expect.stringMatching(
      /^2 of [0-9]+ drawn rounds repeated, each is within the tolerance$/,
    ),
  })
  const full = await quern(['verify', jobId, '--full'], { dataDir })
  expect(full.exitCode).not.toBe(0)
  expect(full.lines.at(-1)).toMatchObject({ event: 'error', code: 'NOT_EXACT' })
})

function isInFiles(directory: string, text: string): boolean {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile())
    .some((file) => readFileSync(join(file.parentPath, file.name)).includes(text))
}
