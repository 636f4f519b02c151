import { expect, test } from 'vitest'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { placesTaken } from '#worker/places.ts'
import { stillFeed } from './fakes.ts'
import { sampleView } from './terms.ts'

const self: Hex = `0x${'a1'.repeat(20)}`
const stranger: Hex = `0x${'b2'.repeat(20)}`
const jobId: Hex = `0x${'01'.repeat(32)}`
const head = { number: 10n, timestamp: 1_000n }

test.each<[string, number, Partial<JobView>, readonly Hex[]]>([
  ['a job that is worked on', 1, { phase: 'running' }, [jobId]],
  ['one that waits for its verdict', 1, { phase: 'submitted' }, [jobId]],
  ['one that is settled, whose session goes on putting away', 0, { phase: 'settled' }, [jobId]],
  ['one that expired, whose session goes on', 0, { phase: 'expired' }, [jobId]],
  ['one that it volunteered for', 1, { phase: 'posted', volunteers: [self] }, []],
  ['one that others volunteered for', 0, { phase: 'posted', volunteers: [stranger] }, []],
])('%s takes %i places', (_what, places, view, sessions) => {
  const feed = stillFeed([sampleView({ jobId, ...view })], head)
  expect(placesTaken(feed, self, sessions)).toBe(places)
})

test('a job that the feed has forgotten takes none', () => {
  expect(placesTaken(stillFeed([], head), self, [jobId])).toBe(0)
})
