import { stripVTControlCharacters } from 'node:util'

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

/** What a failed test threw. */
export interface Failure {
  readonly message: string
  readonly cause?: unknown
}

const messageLengthMax = 200
const causesMax = 3

/** A failure in one line: the title, then how its first error and what caused it begin. */
export function failureOf(title: string, errors: readonly Failure[] = []): string {
  const messages: string[] = []
  for (let at: unknown = errors[0]; isFailure(at) && messages.length < causesMax; at = at.cause) {
    const [line = ''] = stripVTControlCharacters(at.message).trim().split('\n')
    if (line !== '') messages.push(line.trim().slice(0, messageLengthMax))
  }
  return messages.length === 0 ? title : `${title}: ${messages.join(', caused by ')}`
}

function isFailure(value: unknown): value is Failure {
  return typeof (value as Failure | undefined)?.message === 'string'
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
