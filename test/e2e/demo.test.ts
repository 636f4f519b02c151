import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { zeroHash } from '#chain/core/header.ts'
import type { Summary } from '#cli/job/summary.ts'
import type { Election as Led } from '#cli/work-led.ts'
import { quern, summaryOf } from './local-world.ts'

test(
  'quern demo: a cheat is slashed, the others are paid, a stranger verifies',
  { timeout: 900_000 },
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'quern-demo-'))
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
    const run = await quern(['demo'], { dataDir })
    const summary = summaryOf(run) as Summary & { verified: boolean; led: Led | null }
    const [cheat, ...honest] = summary.workers.toSorted((a, b) =>
      a.slashedWei < b.slashedWei ? 1 : -1,
    )

    expect(run.exitCode, run.err).toBe(0)
    expect(summary.phase).toBe('settled')
    expect(summary.metric.name).toBe('accuracy')
    expect(summary.metric.value).toBeGreaterThanOrEqual(0.97)
    expect(summary.attempts).toBe(2)
    expect(cheat!.slashedWei).toBeGreaterThan(0n)
    expect(cheat!.paidWei).toBe(0n)
    expect(cheat!.segments).toBe(0)
    expect(honest).toHaveLength(2)
    for (const worker of honest) {
      expect(worker.segments).toBeGreaterThanOrEqual(12)
      expect(worker.paidWei).toBeGreaterThan(0n)
      expect(worker.slashedWei).toBe(0n)
    }
    const paid = [...summary.workers, ...summary.evaluators].map(({ paidWei }) => paidWei)
    const slashed = [...summary.workers, ...summary.evaluators].map((one) => one.slashedWei)
    const sum = (amounts: readonly bigint[]) => amounts.reduce((a, b) => a + b, 0n)
    const refunded = summary.refundedWei
    expect(sum(paid) + refunded + summary.burnedWei).toBe(summary.escrowWei + sum(slashed))
    expect(summary.modelHash).toMatch(/^0x[0-9a-f]{64}$/)
    expect(summary.modelBlock).toBeGreaterThan(0)
    expect(summary.verified).toBe(true)
    // A unit of this job's own work made one of the two a leader.
    expect(summary.led).toMatchObject({ mode: 'work', work: { jobId: summary.jobId } })
    expect(summary.led!.height).toBeGreaterThan(summary.modelBlock!)
    expect(honest.map(({ address }) => address)).toContain(summary.led!.leader)
    expect(summary.led!.modelHash).not.toBe(zeroHash)
  },
)
