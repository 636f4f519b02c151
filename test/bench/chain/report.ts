import { type Goal, type Report, judged } from '../verdict.ts'

/** One line of the table: what was measured, of whom, in which figures. */
export interface Row {
  readonly name: string
  readonly of: string
  readonly figures: Readonly<Record<string, number>>
  /** Why there are no figures. */
  readonly reason?: string
}

interface Comparison extends Goal {
  readonly row: string
  readonly figure: string
  readonly peer: string
}

const comparisons: readonly Comparison[] = [
  { row: 'transfers', figure: 'transactionsPerSecond', peer: 'hardhat', bound: 1.3 },
  { row: 'transfers', figure: 'transactionsPerSecond', peer: 'anvil', bound: 0.7 },
  { row: 'erc20', figure: 'transactionsPerSecond', peer: 'hardhat', bound: 1.1 },
  { row: 'erc20', figure: 'transactionsPerSecond', peer: 'anvil', bound: 0.4 },
  { row: 'compute', figure: 'mgasPerSecond', peer: 'hardhat', bound: 1.5 },
]

const figures: Readonly<Record<string, Goal & { readonly row: string; readonly figure: string }>> =
  {
    'four validators: block interval, ms': {
      row: 'four validators',
      figure: 'intervalMs',
      bound: 1_050,
      isMost: true,
    },
    'four validators: finality after proposal, ms': {
      row: 'four validators',
      figure: 'finalityMs',
      bound: 300,
      isMost: true,
    },
    'sync / real time': { row: 'sync', figure: 'timesRealTime', bound: 50 },
    'snapshot sync, s': {
      row: 'snapshot',
      figure: 'syncSeconds',
      bound: 10,
      isMost: true,
    },
    'memory of a validator, MiB': {
      row: 'sync',
      figure: 'validatorMibMost',
      bound: 600,
      isMost: true,
    },
    'slowest precompile, Mgas/s': { row: 'precompiles', figure: 'slowestMgasPerSecond', bound: 20 },
  }

/** Puts rows and goals together. */
export function reportOf(rows: readonly Row[]): Report<Row> {
  const goals: Record<string, Goal> = {}
  const ratios: Record<string, number> = {}
  const valueOf = (name: string, of: string, figure: string) =>
    rows.find((row) => row.name === name && row.of === of)?.figures[figure]

  for (const { row, figure, peer, bound } of comparisons) {
    const name = `${row} / ${peer}`
    goals[name] = { bound }
    const [ours, theirs] = [valueOf(row, 'quern', figure), valueOf(row, peer, figure)]
    if (ours !== undefined && theirs !== undefined) ratios[name] = ours / theirs
  }
  for (const [name, { row, figure, bound, isMost = false }] of Object.entries(figures)) {
    goals[name] = { bound, isMost }
    const value = valueOf(row, 'quern', figure)
    if (value !== undefined) ratios[name] = value
  }
  return judged({ rows, ratios, goals })
}

/** The report as lines of text. */
export function tableOf({ rows, ratios, goals, met }: Report<Row>): readonly string[] {
  const lines = rows.map(({ name, of, figures: found, reason }) => {
    const cells = Object.entries(found).map(([figure, value]) => `${figure} ${digits(value)}`)
    return `${name.padEnd(28)} ${of.padEnd(8)} ${reason ?? cells.join(', ')}`
  })
  lines.push('')
  for (const [name, { bound, isMost = false }] of Object.entries(goals)) {
    const value = ratios[name]
    const verdict = met.includes(name) ? 'met' : value === undefined ? '-' : 'missed'
    const found = value === undefined ? 'not measured' : digits(value)
    lines.push(`${verdict.padEnd(7)} ${name}: ${found} (goal ${isMost ? '<=' : '>='} ${bound})`)
  }
  return lines
}

function digits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
