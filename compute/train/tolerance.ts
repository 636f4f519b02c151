import type { State } from './state.ts'

/**
 * Work of another engine whose change of the weights differs from the exact one's by this share or more is no honest
 * work: backends that are honest differ by 2e-5 to 5e-5 over a segment.
 */
export const relativeMax = 1e-3

/** Length of found - exact as a share of the length of exact - first; NaN for vectors of other lengths. */
export function relativeChange(
  found: Float32Array,
  exact: Float32Array,
  first: Float32Array,
): number {
  if (found.length !== exact.length) return Number.NaN
  let [difference, change] = [0, 0]
  for (const [i, value] of exact.entries()) {
    difference += ((found[i] as number) - value) ** 2
    change += (value - (first[i] as number)) ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / change)
}

/**
 * Whether what steps led to is what the exact engine finds, within the tolerance: parameters and moments each, over all
 * of their values together, never tensor by tensor.
 */
export function isWithinTolerance(found: State, exact: State, first: State): boolean {
  if (found.step !== exact.step) return false
  return (['p', 'm', 'v'] as const).every((part) => {
    if (exact[part].length === 0) return found[part].length === 0
    return relativeChange(found[part], exact[part], first[part]) < relativeMax
  })
}
