import { describe, expect, test } from 'vitest'
import { createProgress } from '#cli/job/progress.ts'
import { createOutput } from '#cli/output.ts'
import type { JobSpec } from '#wire/job.ts'
import type { TopicEntry } from '#wire/topic.ts'
import { account, event, viewAfter } from '#test/unit/chain/client/jobs.ts'

const spec = { train: { rounds: 20 } } as JobSpec
const workers = [account('1'), account('2')]

function tell() {
  const printed: string[] = []
  const out = { write: (text: string) => printed.push(text) }
  const progress = createProgress(
    createOutput({ out, err: out }, () => false),
    spec,
  )
  return { printed, progress }
}

function update(round: number, loss: number): TopicEntry {
  return { kind: 'update', attempt: 0, round, loss } as TopicEntry
}

describe('createProgress', () => {
  test('tells each phase and each slash once', () => {
    const { printed, progress } = tell()
    const running = viewAfter(event('WorkersAssigned', { workers, beaconHeight: 9n }))
    progress.onView(running)
    progress.onView(running)
    const slashes = [{ attempt: 0, account: workers[0]!, amountWei: 5n * 10n ** 18n }]
    progress.onView({ ...running, slashes })
    progress.onView({ ...running, slashes })
    expect(printed).toHaveLength(2)
    expect(printed[1]).toContain('loses 5 TRAIN')
  })

  test('tells a tenth of the rounds and the last one, and none twice', () => {
    const { printed, progress } = tell()
    for (let round = 0; round < 20; round += 1) {
      progress.onEntry(update(round, 1))
      progress.onEntry(update(round, 2))
    }
    expect(printed).toHaveLength(11)
    expect(printed.at(-1)).toContain('round 20/20')
  })
})
