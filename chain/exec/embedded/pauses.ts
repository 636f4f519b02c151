import { setImmediate as nextTurn } from 'node:timers/promises'

/** Some 10 ms of most code: so often a block that runs lets timers and messages in, within a transaction as well. */
export const gasBetweenPauses = 1_000_000

/** Resolves when what was due meanwhile has had its turn. */
export const pause = (): Promise<void> => nextTurn()
