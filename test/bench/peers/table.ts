import type { Report } from '../verdict.ts'
import type { Row } from './report.ts'
import { type Task, flopsOfProduct } from './tasks.ts'

/** The report as lines of text. */
export function tableOf(report: Report<Row>, tasks: readonly Task[]): readonly string[] {
  const lines = [line(['task', 'engine', 'threads', 'median/s', 'best/s', ''])]
  for (const row of report.rows) lines.push(line(cellsOf(row, tasks)))
  lines.push('')
  for (const [name, { bound, isMost = false }] of Object.entries(report.goals)) {
    const value = report.ratios[name]
    const verdict = report.met.includes(name) ? 'met' : value === undefined ? '-' : 'missed'
    const found = value === undefined ? 'not measured' : value.toFixed(2)
    const sign = isMost ? '<=' : '>='
    lines.push(`${verdict.padEnd(7)} ${name}: ${found} (goal ${sign} ${bound})`)
  }
  return lines
}

function cellsOf(row: Row, tasks: readonly Task[]): readonly string[] {
  const { name, engine, threads, stepsPerSecond, best, reason = '' } = row
  const task = tasks.find((known) => known.name === name)
  const flops = task && flopsOfProduct(task)
  const rate =
    task?.kind === 'generation' && best
      ? `${((task.spec.inputShape[0] ?? 0) * best).toFixed(0)} tokens/s`
      : flops && best
        ? `${((flops * best) / 1e9).toFixed(1)} GFLOP/s`
        : reason
  const figures = [stepsPerSecond, best].map((value) => (value === null ? '-' : digits(value)))
  return [name, engine, `${threads}`, ...figures, rate]
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function line([
  task = '',
  engine = '',
  threads = '',
  median = '',
  best = '',
  note = '',
]: readonly string[]) {
  const cells = [
    task.padEnd(20),
    engine.padEnd(17),
    threads.padStart(7),
    median.padStart(9),
    best.padStart(9),
  ]
  return `${cells.join(' ')}  ${note}`.trimEnd()
}
