import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Row, reportOf } from '#test/bench/chain/report.ts'
import type { Report } from '#test/bench/verdict.ts'

const run = promisify(execFile)
const msMax = 240_000

function loadRow(name: string, of: string, transactionsPerSecond: number): Row {
  return { name, of, figures: { transactionsPerSecond, mgasPerSecond: transactionsPerSecond } }
}

describe('the benchmark of the chain', () => {
  test('judges by the ratio to each peer, and by its own figures', () => {
    const report = reportOf([
      loadRow('transfers', 'quern', 130),
      loadRow('transfers', 'hardhat', 100),
      loadRow('transfers', 'anvil', 200),
      { name: 'sync', of: 'quern', figures: { timesRealTime: 50, validatorMibMost: 601 } },
    ])
    expect(report.ratios).toMatchObject({ 'transfers / hardhat': 1.3, 'transfers / anvil': 0.65 })
    expect(report.met).toEqual(['transfers / hardhat', 'sync / real time'])
    expect(report.missed).toEqual(['transfers / anvil', 'memory of a validator, MiB'])
    expect(report.unmeasured).toContain('erc20 / hardhat')
  })

  test(
    'runs a load until it is final and a chain until it is synced',
    async () => {
      const chosen = ['transfers', 'sync', 'snapshot']
      const rows = [...chosen.flatMap((name) => ['--only', name]), '--peer', 'quern']
      const sizes = ['--scale', '0.01', '--blocks', '20']
      const args = ['test/bench/chain.ts', ...rows, ...sizes, '--json']
      const { stdout } = await run(process.execPath, args, { timeout: msMax })
      const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Report<Row>
      expect(report.rows.map(({ name, reason }) => [name, reason])).toEqual([
        ['transfers', undefined],
        ['sync', undefined],
        ['snapshot', undefined],
      ])
      expect(report.rows[0]?.figures).toMatchObject({ gasPerTransaction: 21_000 })
      expect(report.rows[1]?.figures).toMatchObject({ blocks: 20 })
      expect(report.rows[2]?.figures.syncSeconds).toBeGreaterThan(0)
    },
    msMax,
  )
})
