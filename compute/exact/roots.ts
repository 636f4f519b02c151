import { assert } from '#base/assert.ts'
import type { PartRoots } from './digest.ts'
import type { Team, Workplace } from './team.ts'

/** Roots of the vectors of an engine: hashed at once, or on the way through the next step. */
export interface Roots {
  /** Hashes later; what it returns hashes at once if no step came since. */
  readonly later: () => () => PartRoots
  /** Runs a step, which hashes what is to be hashed; false when a value of the state is not finite. */
  readonly step: () => boolean
}

export function createRoots(team: Team, { digests }: Workplace): Roots {
  let wanted: { roots?: PartRoots } | undefined
  return {
    later() {
      const own: { roots?: PartRoots } = {}
      wanted = own
      return () => {
        if (own.roots) return own.roots
        assert(wanted === own, 'nobody asked for other roots before these were known')
        team.digest()
        wanted = undefined
        return (own.roots = digests.roots())
      }
    },
    step() {
      const isFinite = team.run('train', { isHashing: wanted !== undefined })
      if (wanted) wanted.roots = digests.roots()
      wanted = undefined
      return isFinite
    },
  }
}
