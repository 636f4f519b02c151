/** Many share it, or one has it alone. Whoever wants it alone waits for those inside, and nobody enters. */
export interface Lock {
  shared<T>(work: () => Promise<T>): Promise<T>
  exclusive<T>(work: () => Promise<T>): Promise<T>
}

/** A lock within this process. It is not reentrant. */
export function createLock(): Lock {
  let inside = 0
  let waiting = 0
  let isEmpty = () => {}
  let gate: Promise<unknown> = Promise.resolve()

  async function shared<T>(work: () => Promise<T>): Promise<T> {
    while (waiting > 0) await gate
    inside += 1
    try {
      return await work()
    } finally {
      inside -= 1
      if (inside === 0) isEmpty()
    }
  }

  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    waiting += 1
    const alone = gate
      .then(async () => {
        if (inside > 0) await new Promise<void>((resolve) => (isEmpty = resolve))
        return work()
      })
      .finally(() => (waiting -= 1))
    gate = alone.catch(() => undefined) // the caller hears of it; the gate opens anyway
    return alone
  }

  return { shared, exclusive }
}
