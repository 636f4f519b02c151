import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Common } from '@ethereumjs/common'
import { AppError } from '#base/error.ts'
import { createTurns } from '#base/turns.ts'
import type { FastCrypto } from './crypto.ts'
import { type Machine, createMachine } from './machine.ts'

const waitingMax = 1024

/** A machine for reading, apart from the one that makes blocks; what is asked of it runs one after another. */
export interface ReadingMachine {
  /** Throws BUSY when too many wait. */
  take<T>(work: (machine: Machine) => Promise<T>): Promise<T>
}

/** Creates the machine when it is first asked for. */
export function createReadingMachine(rules: {
  readonly common: Common
  readonly crypto: FastCrypto
}): ReadingMachine {
  let machine: Promise<Machine> | undefined
  const inTurn = createTurns()
  let waiting = 0

  return {
    async take(work) {
      if (waiting >= waitingMax) throw new AppError({ code: 'BUSY', retryable: true })
      waiting += 1
      machine ??= createMachine(rules.common, rules.crypto)
      const ready = machine
      return inTurn(async () => {
        await nextTurn() // long calls in a row leave room for whoever asks for something short
        return work(await ready)
      }).finally(() => (waiting -= 1))
    },
  }
}
