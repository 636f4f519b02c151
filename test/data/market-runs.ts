import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Summary } from '#cli/job/summary.ts'
import { originOf, writeResults } from '#scripts/results.ts'
import { type LocalWorld, startWorld, summaryOf } from '#test/e2e/local-world.ts'

const folder = process.env['QUERN_TEST_DATA'] ?? ''

/** True where the real data lies; the runner says so when it does not. */
export const hasRealFiles = folder !== '' && existsSync(folder)

/** A file of the real data. */
export function realFile(...names: readonly string[]): string {
  return join(folder, ...names)
}

/** Reviews with their classes as CSV; the file has lines of `text <tab> class` with unescaped quotes. */
export function reviewsAsCsv(): string {
  const text = readFileSync(realFile('sentiment', 'amazon_cells_labelled.txt'), 'utf8')
  const rows = text
    .trim()
    .split('\n')
    .map((line) => {
      const at = line.lastIndexOf('\t')
      return `"${line.slice(0, at).replaceAll('"', '""')}",${line.slice(at + 1).trim()}`
    })
  return `review,label\n${rows.join('\n')}\n`
}

/**
 * Three workers and three evaluators that take more jobs at a time than are posted: one that has ended holds its place
 * for a moment.
 */
export function startBusyWorld(): Promise<LocalWorld> {
  return startWorld([], { environment: { QUERN_CONCURRENCY: '10' } })
}

/** Development accounts that no daemon of such a network uses: clients that post at the same time. */
const clients = [1, 5, 6, 7, 8] as const

export interface Post {
  readonly files: readonly string[]
  readonly flags: readonly string[]
}

/** Posts the jobs, `atOnce` at a time, and answers how each ended. */
export async function runJobs(
  world: LocalWorld,
  posts: readonly Post[],
  atOnce: number,
): Promise<readonly Summary[]> {
  const summaries: Summary[] = []
  for (let first = 0; first < posts.length; first += atOnce) {
    const batch = posts.slice(first, first + atOnce)
    const runs = batch.map(async ({ files, flags }, i) =>
      summaryOf(await world.post(files, flags, { client: clients[i] })),
    )
    summaries.push(...(await Promise.all(runs)))
  }
  return summaries
}

/** Seeds 1 to 5; the gate sets QUERN_DATA_SEEDS to run fewer of them. */
export const seeds = [1, 2, 3, 4, 5].slice(0, Number(process.env['QUERN_DATA_SEEDS'] ?? 5))

/** The mean metric; throws where a job has none. */
export function meanMetric(summaries: readonly Summary[]): number {
  const values = summaries.map(({ metric, phase }) => {
    if (metric.value === null) throw new Error(`a job ended ${phase} without a model`)
    return metric.value
  })
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

const figures: Record<string, { readonly mean: number; readonly metrics: readonly number[] }> = {}

/** Keeps the metrics of a data set; those of all five seeds go to `test/results/data.json`. */
export function keepFigures(name: string, summaries: readonly Summary[]): void {
  const metrics = summaries.map(({ metric }) => metric.value ?? Number.NaN)
  figures[name] = { mean: meanMetric(summaries), metrics }
  const results = { ...originOf(), seeds, figures }
  if (seeds.length === 5) writeResults('data', results)
}
