/** What a run of tests or checks came to. */
export interface Tally {
  readonly passed: number
  readonly failed: readonly string[]
  readonly skipped: readonly Skip[]
}

export interface Skip {
  readonly title: string
  readonly reason: string
}

export const emptyTally: Tally = { passed: 0, failed: [], skipped: [] }

/** The sum of several tallies. */
export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failed: tallies.flatMap((tally) => tally.failed),
    skipped: tallies.flatMap((tally) => tally.skipped),
  }
}

/** The report: what failed, what was skipped and why, and as the last line the counts. */
export function reportOf(tally: Tally): string {
  const { passed, failed, skipped } = tally
  return [
    ...failed.map((title) => `failed   ${title}`),
    ...skipped.map(({ title, reason }) => `skipped  ${title}: ${reason}`),
    `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`,
  ].join('\n')
}
