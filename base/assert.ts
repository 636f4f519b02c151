/** Stops at once on a bug of our own: a wrong node is worse than a stopped node. */
export function assert(condition: unknown, fact: string): asserts condition {
  if (condition === false || condition === null || condition === undefined || condition === 0) {
    throw new Error(`assertion failed: ${fact}`)
  }
}
