import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Summary } from '#cli/job/summary.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

/** Eight workers, of whom some lie: kinds by the worker's index from 1, as the flag counts them. */
interface Cast {
  readonly guilty: Readonly<Record<number, MisbehaveKind>>
  /** Whose lies harm nobody. */
  readonly harmless: Readonly<Record<number, MisbehaveKind>>
}

const casts: Readonly<Record<string, Cast>> = {
  'liars that copy, shake or keep back': {
    guilty: { 2: 'copy-update', 3: 'noise', 5: 'withhold-states', 6: 'silent', 8: 'ulp' },
    harmless: {},
  },
  'liars that train on something else': {
    guilty: {
      1: 'sign-flip',
      2: 'wrong-seed',
      3: 'wrong-shard',
      4: 'flip-bit',
      5: 'alie',
      6: 'zero-rate',
    },
    harmless: { 7: 'two-states', 8: 'slow-states' },
  },
}

/** The summary's workers are in order of assignment: find them by their owner's number in the network. */
function workerOf(summary: Summary, index: number) {
  const { address } = devAccount(devRoles.workerOwner(index - 1), 78787)
  return summary.workers.find((worker) => worker.address === address)!
}

describe.each(Object.entries(casts))('%s', (_name, { guilty, harmless }) => {
  let world: LocalWorld
  let run: Run
  beforeAll(async () => {
    const lies = Object.entries({ ...guilty, ...harmless }).map(([i, kind]) => `${i}:${kind}`)
    world = await startWorld(['--workers', '8', '--evaluators', '3', '--misbehave', ...lies])
    const file = join(world.dataDir, 'rows.csv')
    writeFileSync(file, rowsCsv({ rows: 700, seed: 3 }))
    // Whoever is silent is waited for until the run is over; the others need about 80 s on two idle cores.
    run = await world.post([file], ['--workers', '8', '--run-seconds', '330'])
  }, 1_800_000)
  afterAll(() => world.stop(), 60_000)

  test('the job settles without them', () => {
    expect(run.exitCode, run.err).toBe(0)
    expect(summaryOf(run).phase).toBe('settled')
    expect(summaryOf(run).attempts).toBeGreaterThanOrEqual(2)
    expect(summaryOf(run).isBalanced).toBe(true)
  })

  test.each(Object.entries(guilty))('%i: %s loses stake and is paid nothing', (index) => {
    const liar = workerOf(summaryOf(run), Number(index))
    expect(liar.slashedWei).toBeGreaterThan(0n)
    expect(liar.paidWei).toBe(0n)
  })

  test('whoever harms nobody is paid and keeps its stake', () => {
    const others = [1, 2, 3, 4, 5, 6, 7, 8].filter((index) => guilty[index] === undefined)
    for (const index of others) {
      const worker = workerOf(summaryOf(run), index)
      expect(worker.paidWei, String(index)).toBeGreaterThan(0n)
      expect(worker.slashedWei, String(index)).toBe(0n)
    }
  })

  test('a stranger computes everything again, and is told who was removed', async () => {
    const dataDir = join(world.dataDir, 'client-1')
    expect(existsSync(join(dataDir, 'network.json'))).toBe(true)
    const verified = await quern(['verify', summaryOf(run).jobId, '--full'], { dataDir })
    expect(verified.exitCode, verified.err).toBe(0)
    const removed = verified.lines.filter(({ claim }) => claim === 'evidence')
    const named = Object.entries(guilty).filter(([, kind]) => kind !== 'silent')
    expect(removed).toHaveLength(named.length)
    for (const [index] of named) {
      const { address } = workerOf(summaryOf(run), Number(index))
      expect(removed.some(({ text }) => String(text).startsWith(address))).toBe(true)
    }
  }, 300_000)
})
