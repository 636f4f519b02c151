/** Runs work one after another, in the order in which it was asked for; a failure is the caller's alone. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** Creates a line of its own. */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work, work)
    last = turn.catch(() => undefined) // the caller hears of it
    return turn
  }
}
