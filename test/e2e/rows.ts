import { createRng } from '#base/rng.ts'

/** A CSV of points in the plane around three centres, in classes a, b and c. */
export function rowsCsv({ rows, seed }: { rows: number; seed: number }): string {
  const rng = createRng(seed)
  const noise = () => (rng.below(1000) + rng.below(1000) - 1000) / 500
  const centres = [
    [0, 0],
    [6, 0],
    [0, 6],
  ] as const
  const lines = Array.from({ length: rows }, (_, row) => {
    const [x, y] = centres[row % 3] ?? [0, 0]
    return `${(x + noise()).toFixed(3)},${(y + noise()).toFixed(3)},${'abc'[row % 3]}`
  })
  return `${['u,v,kind', ...lines].join('\n')}\n`
}
