/** What is to be reached: at least, or where `isMost` at most. */
export interface Goal {
  readonly bound: number
  readonly isMost?: boolean
}

/** What a benchmark found, and whether that is enough. */
export interface Report<Row> {
  readonly rows: readonly Row[]
  /** By goal: this run's figure. */
  readonly ratios: Readonly<Record<string, number>>
  readonly goals: Readonly<Record<string, Goal>>
  readonly met: readonly string[]
  readonly missed: readonly string[]
  /** Goals that this run says nothing about. */
  readonly unmeasured: readonly string[]
}

/** Holds the figures of a run against its goals. */
export function judged<Row>(found: Pick<Report<Row>, 'rows' | 'ratios' | 'goals'>): Report<Row> {
  const { rows, ratios, goals } = found
  const isMet = (name: string) => {
    const { bound, isMost = false } = goals[name] as Goal
    const value = ratios[name] as number
    return isMost ? value <= bound : value >= bound
  }
  const measured = Object.keys(goals).filter((name) => name in ratios)
  return {
    rows,
    ratios,
    goals,
    met: measured.filter(isMet),
    missed: measured.filter((name) => !isMet(name)),
    unmeasured: Object.keys(goals).filter((name) => !(name in ratios)),
  }
}
